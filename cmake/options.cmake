# Compiler options shared by every target of ours. Dependencies are SYSTEM and keep their own.
add_library(memagent_options INTERFACE)
target_compile_options(memagent_options INTERFACE
  "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wshadow;-Wconversion;-Wno-sign-conversion>")
# A compiler that this was never built with may warn of more: that should not stop anyone.
if(NOT (CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 15))
  target_compile_options(memagent_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
target_include_directories(memagent_options INTERFACE
  ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
if(MEMAGENT_SANITIZE)
  target_compile_options(memagent_options INTERFACE
    -fsanitize=${MEMAGENT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(memagent_options INTERFACE -fsanitize=${MEMAGENT_SANITIZE})
  # GCC 12 reports uninitialised reads inside its own headers once sanitizers change inlining.
  target_compile_options(memagent_options INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
if(MEMAGENT_FUZZ)
  target_compile_options(memagent_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# memagent_library(NAME SOURCES ... LINKS ... PRIVATE_LINKS ...): one folder's static library.
function(memagent_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC memagent_options ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
endfunction()

# memagent_test(NAME SOURCES ... LINKS ...): one GoogleTest program, registered as one test.
function(memagent_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE memagent_options ${ARG_LINKS} GTest::gtest_main GTest::gmock)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE
    MEMAGENT_SOURCE_DIR="${PROJECT_SOURCE_DIR}" MEMAGENT_BINARY_DIR="${PROJECT_BINARY_DIR}")
  # Compiling them is much of `make test`; what they test is optimised, they themselves need not be.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 900)
endfunction()
