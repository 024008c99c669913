# Completion of socktest for fish. What may come next says "socktest complete", see socktest(1).

function __socktest_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -l words $words[2..-1] (commandline -ct)
    set -l answer ($program complete -- $words 2>/dev/null)
    switch "$answer[1]"
        case 'words*'
            printf '%s\n' $answer[2..-1]
        case 'files*'
            set -l prefix (string replace -r '^files ?' '' -- $answer[1])
            set -l name (string sub -s (math (string length -- "$prefix") + 1) -- $words[-1])
            for path in (__fish_complete_path "$name")
                echo -- $prefix$path
            end
        case 'command *'
            set -l first (math (string replace 'command ' '' -- $answer[1]) + 1)
            complete -C (string join -- ' ' (string escape -- $words[$first..-2]) "$words[-1]")
    end
end

complete -c socktest -f -a '(__socktest_complete)'
