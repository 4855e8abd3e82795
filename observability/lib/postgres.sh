# shellcheck shell=bash
# Postgres, which everything else waits for.
# shellcheck source=common.sh
. observability/lib/common.sh

# psql as the superuser, by the socket within the container, which asks for no password. SQL comes from stdin.
in_postgres() { in_database postgres; }
in_database() {
    compose exec -T postgres psql --username=postgres --dbname="$1" --no-psqlrc --quiet --tuples-only \
        --no-align --set=ON_ERROR_STOP=1 --set=database="$database" --set=spare="$spare" --set=before="$before" --file=-
}

# Hands the secrets out and has Postgres run; what runs already is not touched. Not with --no-deps: compose would take a
# service without its dependencies for another configuration, and recreate it the next time.
start_postgres() {
    local id
    one_off init </dev/null || die "The secrets could not be handed out; what ran runs on."
    compose up --detach --no-recreate --no-build postgres || die "Postgres did not start; $self logs postgres says why."
    id=$(running postgres)
    if [[ -z $id ]] || ! wait_for "$id"; then die "Postgres is not healthy; $self logs postgres says why."; fi
}

# The superuser's password is read only when a cluster is made. As it is set at each start, its file can be changed like
# those of the roles, which postgres-setup sets.
set_password() {
    in_postgres >/dev/null <<'END' || die "The password of postgres could not be set."
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
\set password `cat /run/secrets/postgres_password`
ALTER ROLE postgres PASSWORD :'password';
END
}

# Roles, monitoring and the audit trail of a database, by default of the one that serves.
set_up() {
    one_off -e PGDATABASE="${1:-$database}" postgres-setup </dev/null \
        || die "The database could not be set up; what ran runs on."
}
