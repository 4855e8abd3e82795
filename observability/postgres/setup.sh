#!/bin/sh
# Makes what the database needs besides the API's own tables; a second time changes nothing.
# AUDIT_TRAIL: on, off, or keep (as it is; at first it is off).
set -eu

folder=${SETUP_FOLDER:-/setup}
secrets=${SECRETS_FOLDER:-/run/secrets}
if [ -e "$secrets/postgres_password" ]; then PGPASSWORD=$(cat "$secrets/postgres_password") && export PGPASSWORD; fi

# The API's role can make functions in public, and an unqualified call by the superuser must not find them.
export PGOPTIONS='--search_path=pg_catalog'

run() { psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --output=/dev/null "$@"; }
run --set=secrets="$secrets" --file="$folder/roles.sql"
run --single-transaction --file="$folder/monitoring.sql"
run --single-transaction --file="$folder/audit.sql"
case ${AUDIT_TRAIL:-keep} in
    on) run --command='SELECT audit.switch_on()' ;;
    off) run --command='SELECT audit.switch_off()' ;;
    keep) ;;
    *)
        echo "AUDIT_TRAIL=$AUDIT_TRAIL is not valid: it takes on, off or keep." >&2
        exit 2
        ;;
esac
