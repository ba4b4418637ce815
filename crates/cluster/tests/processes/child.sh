#!/bin/sh
# Plays a child for the tests of the launcher; the name in its configuration says how it behaves.
is() {
    case "$config" in *"\"name\":\"$1\""*) return 0 ;; *) return 1 ;; esac
}
config=$2
is failing && { echo '{"failed":{"message":"no such luck"}}'; exit 2; }
is dying && { echo 'out of luck' >&2; exit 7; }
is silent && { echo 'still looking' >&2; exec cat >/dev/null; }
echo '{"ready":{"address":"127.0.0.1:1/2","server":7,"term":null}}'
is ending && { echo '{"ended":"declared dead"}'; exit 3; }
is deaf && exec cat >/dev/null
while read -r word number; do
    case $word in
    status)
        echo "an old answer comes first, and what is no line of ours"
        for n in $((number - 1)) "$number"; do
            echo "{\"status\":[$n,{\"coordinator\":{\"term\":$n,\"is_held\":false,\"resilience\":\"\",\"failures_at_once\":0,\"servers\":[],\"tables\":[],\"tablets\":[],\"operations\":[]}}]}"
        done
        ;;
    stop)
        echo '"stopped"'
        exit 0
        ;;
    esac
done
