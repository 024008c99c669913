# shellcheck shell=bash
# Completion of socktest for bash. What may come next says "socktest complete", see socktest(1).

# The words up to the cursor. Readline also breaks them at COMP_WORDBREAKS, as at = and :, so those
# without a blank between them are one; starts has the index in COMP_WORDS of each one's beginning.
_socktest_words() {
  local line=${COMP_LINE:0:COMP_POINT} rest word i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    rest=${line#"${line%%[![:space:]]*}"}
    word=${COMP_WORDS[i]}
    # The cursor may be within the word.
    [[ $rest == "$word"* ]] || word=$rest
    if [[ $i == 0 || ${#rest} != "${#line}" ]]; then
      words+=("$word")
      starts+=("$i")
    else
      words[${#words[@]} - 1]+=$word
    fi
    line=${rest#"$word"}
  done
}

# _socktest_command N: the words from the N-th on are a command line of their own.
_socktest_command() {
  local word=${words[${#words[@]} - 1]}
  if declare -F _comp_command_offset >/dev/null; then
    _comp_command_offset "${starts[$1]}"
  elif declare -F _command_offset >/dev/null; then
    _command_offset "${starts[$1]}"
  elif [ $((${#words[@]} - 1)) = "$1" ]; then
    mapfile -t COMPREPLY < <(compgen -c -- "$word" | sort -u)
    compopt -o filenames 2>/dev/null
  else
    compopt -o default 2>/dev/null
  fi
}

# _socktest_files PREFIX: what is behind PREFIX in the word is a file's name.
_socktest_files() {
  local name=${word#"$1"}
  if [ "$1" = "$kept" ]; then
    compopt -o default 2>/dev/null # as readline itself does, which takes PREFIX for another word
  else
    mapfile -t COMPREPLY < <(compgen -f -P "$1" -- "$name")
    COMPREPLY=("${COMPREPLY[@]#"$kept"}")
    [ ${#COMPREPLY[@]} = 0 ] || mapfile -t COMPREPLY < <(printf '%q\n' "${COMPREPLY[@]}")
  fi
}

_socktest() {
  local words=() starts=() answer=() breaks='' kept='' word kind line
  COMPREPLY=()
  _socktest_words
  word=${words[${#words[@]} - 1]}
  mapfile -t answer < <("${words[0]/#~\//$HOME/}" complete -- "${words[@]:1}" 2>/dev/null)
  kind=${answer[0]-}

  # What readline takes for a word of its own: the candidates are without it.
  [[ $COMP_WORDBREAKS != *=* ]] || breaks+='='
  [[ $COMP_WORDBREAKS != *:* ]] || breaks+=':'
  [ -z "$breaks" ] || kept=${word%"${word##*["$breaks"]}"}

  case $kind in
    words*)
      for line in "${answer[@]:1}"; do
        line=${line%%$'\t'*}
        COMPREPLY+=("${line#"$kept"}")
      done
      if [[ $kind == *nospace || ${COMPREPLY[0]-} == *[=:] ]]; then compopt -o nospace 2>/dev/null; fi
      ;;
    files*)
      kind=${kind#files}
      _socktest_files "${kind# }"
      ;;
    command*) _socktest_command $((${kind#command } + 1)) ;;
  esac
}

complete -F _socktest socktest
