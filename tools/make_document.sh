#!/bin/sh
# Writes an English-like document of about BYTES bytes to standard output, with one fact told in its
# middle. The same arguments give the same bytes.
#
#   tools/make_document.sh BYTES [SEED]
set -eu
awk -v bytes="$1" -v seed="${2:-1}" '
function random(n) {  # Park and Miller: exact in doubles
  state = (state * 16807) % 2147483647
  return state % n
}
function pick(list) { return list[random(list["n"])] }
function words(text, list,   n) {
  n = split(text, list, " ")
  list[0] = list[n]
  list["n"] = n
}
BEGIN {
  state = seed % 2147483646 + 1
  words("keeper fisherman clerk pilot widow teacher captain miller baker stranger doctor sailor", who)
  words("harbour lighthouse market chapel archive bridge orchard station quarry library mill", where)
  words("old quiet grey narrow distant forgotten bright patient heavy early northern", how)
  words("watched repaired remembered crossed measured described painted left visited counted", did)
  words("ledger lantern rope letter barrel compass map bell ladder net clock window", what)
  words("morning evening winter spring storm week afternoon night harvest tide", when)
  while (written < bytes) {
    if (!told && written >= bytes / 2) {
      told = 1
      line = "The code word of the harbour master is turmeric-4417."
    } else {
      kind = random(3)
      if (kind == 0)
        line = sprintf("The %s %s %s the %s near the %s.", pick(how), pick(who), pick(did),
                       pick(what), pick(where))
      else if (kind == 1)
        line = sprintf("In the %s of %d, a %s %s the %s %s.", pick(when), 1600 + random(400),
                       pick(who), pick(did), pick(how), pick(what))
      else
        line = sprintf("Nobody at the %s spoke of the %s before %s, number %d.", pick(where),
                       pick(what), pick(when), random(100000))
    }
    end = random(7) == 0 ? "\n\n" : " "
    printf "%s%s", line, end
    written += length(line) + length(end)
  }
  printf "\n"
}'
