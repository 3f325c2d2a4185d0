# Pages built into the program: web/build.mjs bundles a folder of web/ into one HTML file, and that
# into a C++ source. Needs Node.js and the npm packages of web/; -DMEMAGENT_WEB=OFF builds without.
option(MEMAGENT_WEB "Build the HTML report into the program (needs Node.js)" ON)
if(MEMAGENT_WEB)
  find_program(MEMAGENT_NODE node)
  if(NOT MEMAGENT_NODE OR NOT EXISTS ${PROJECT_SOURCE_DIR}/web/node_modules/esbuild/package.json)
    message(FATAL_ERROR "The HTML report needs Node.js and the npm packages of web/: "
      "run tools/npm_install.sh web, or configure with -DMEMAGENT_WEB=OFF to do without it.")
  endif()
endif()

# memagent_page(PAGE NAME VARIABLE): VARIABLE is set to a source that defines the string_view NAME
# in namespace memagent as the page of the folder web/PAGE.
function(memagent_page page name variable)
  set(base ${CMAKE_CURRENT_BINARY_DIR}/${page}_bundle)
  add_custom_command(
    OUTPUT ${base}.cc BYPRODUCTS ${base}.html
    COMMAND ${MEMAGENT_NODE} ${PROJECT_SOURCE_DIR}/web/build.mjs ${page} ${base} ${name}
    DEPENDS ${PROJECT_SOURCE_DIR}/web/build.mjs
    DEPFILE ${base}.d
    COMMENT "Bundling web/${page}" VERBATIM)
  set(${variable} ${base}.cc PARENT_SCOPE)
endfunction()
