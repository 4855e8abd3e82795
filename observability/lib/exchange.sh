# shellcheck shell=bash
# The journal of a restore, and the exchange that it guards. However a restore ends, what it names can be undone, or, once
# all is exchanged, finished:
#   preparing    data lies beside, nothing that serves was touched      -> undo: remove it
#   exchanging   servers are stopped, a part may be exchanged           -> undo: put the old back
#   exchanged    all is the backup's; servers may run on it             -> finish, or undo if they do not get healthy
#   done         it serves; the old is to be removed                    -> finish
# shellcheck source=common.sh
. observability/lib/common.sh

# journal PHASE: on the disk before anything is done under it.
journal() {
    printf '%s %s %s\n' "$1" "$restore_stamp" "$restore_running" >"$journal_file.new"
    sync "$journal_file.new"
    mv "$journal_file.new" "$journal_file"
    sync observability
    restore_phase=$1
}

restore_phase='' restore_stamp='' restore_running=''
read_journal() {
    restore_phase='' restore_stamp='' restore_running=''
    [[ -e $journal_file ]] || return 0
    read -r restore_phase restore_stamp restore_running <"$journal_file"
    [[ $restore_phase =~ ^(preparing|exchanging|exchanged|done)$ && -n $restore_stamp ]] \
        || die "$journal_file is not as this script writes it: look at it before anything else."
}

servers() {
    printf '%s\n' api
    if [[ $STACK == full ]]; then printf '%s\n' grafana; fi
}

stop_servers() {
    local names
    mapfile -t names < <(servers)
    compose stop "${names[@]}" || die "The servers could not be stopped."
}

exchange() {
    journal exchanging
    say "Stopping what writes"
    stop_servers
    say "Exchanging"
    exchange_databases || die "The databases could not be exchanged."
    archive exchange api </dev/null || die "The photos could not be exchanged."
    archive exchange grafana </dev/null || die "Grafana's data could not be exchanged."
    if [[ -e $secrets.restoring ]]; then
        mv -T "$secrets" "$secrets.before-$restore_stamp"
        mv -T "$secrets.restoring" "$secrets"
        sync observability
    fi
    journal exchanged
}

# In one transaction, and with nobody connected: who was is thrown out, and who comes back, such as Alloy, is refused.
exchange_databases() {
    in_postgres >/dev/null <<'END'
ALTER DATABASE :"database" WITH ALLOW_CONNECTIONS false;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (:'database', :'spare');
BEGIN;
ALTER DATABASE :"database" RENAME TO :"before";
ALTER DATABASE :"spare" RENAME TO :"database";
COMMIT;
END
}

undo_databases() {
    in_postgres >/dev/null <<'END'
SET client_min_messages = warning;
SELECT EXISTS (SELECT FROM pg_database WHERE datname = :'before') AS exchanged \gset
\if :exchanged
ALTER DATABASE :"database" WITH ALLOW_CONNECTIONS false;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :'database';
BEGIN;
ALTER DATABASE :"database" RENAME TO :"spare";
ALTER DATABASE :"before" RENAME TO :"database";
COMMIT;
\endif
ALTER DATABASE :"database" WITH ALLOW_CONNECTIONS true;
DROP DATABASE IF EXISTS :"spare" WITH (FORCE);
END
}

undo_secrets() {
    read_journal
    if [[ $restore_phase =~ ^exchang && -e $secrets.before-$restore_stamp ]]; then
        rm -rf "$secrets"
        mv -T "$secrets.before-$restore_stamp" "$secrets"
    fi
    rm -rf "$secrets.restoring"
}

# As before the restore, but for the servers, which stay as they are.
undo_restore() {
    local id
    remove_one_offs
    if [[ $restore_phase == preparing ]]; then
        # A full disk may just have ended it, and the engine starts it again.
        id=$(running postgres)
        if [[ -z $id ]] || ! wait_for "$id"; then start_postgres; fi
    else
        stop_servers
        undo_secrets
        export_sums
        start_postgres
    fi
    undo_databases || die "The databases could not be put back."
    archive undo api </dev/null || die "The photos could not be put back."
    archive undo grafana </dev/null || die "Grafana's data could not be put back."
    forget_spare
    rm -rf "$secrets.restoring"
    rm -f "$journal_file"
}

# The servers on the backup's data and keys; when they are healthy, the old data goes. The old keys stay.
finish_restore() {
    if [[ $restore_phase == exchanged ]]; then
        export_sums
        start_postgres
        bring_up
        journal "done"
    fi
    [[ -n $(running postgres) ]] || start_postgres
    in_postgres <<<'DROP DATABASE IF EXISTS :"before" WITH (FORCE);' || die "The old database could not be removed."
    archive forget api </dev/null || die "The old photos could not be removed."
    archive forget grafana </dev/null || die "Grafana's old data could not be removed."
    forget_spare
    rm -f "$journal_file"
}

# What ran before a restore runs again.
serve_again() {
    [[ $restore_running == yes ]] || return 0
    export_sums
    bring_up
}

# Puts an end to a restore that was killed: every command that changes something begins with it.
recover() {
    read_journal
    [[ -n $restore_phase ]] || return 0
    remove_one_offs
    if [[ $restore_phase =~ ^(exchanged|done)$ ]]; then
        say "A restore was interrupted after the exchange; finishing it"
        attempt finish_restore
        if ((attempted == 0)); then return 0; fi
        read_journal
        [[ $restore_phase == exchanged ]] || die "The old data could not be removed yet; what serves is the backup's."
        warn "What was restored does not get healthy."
    fi
    say "A restore was interrupted; the old data and keys are put back"
    undo_restore
    serve_again
}
