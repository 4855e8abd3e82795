-- An audit trail that is off until SELECT audit.switch_on(): which row of which table was changed, when, by which role
-- from where, and which columns. No values: the trail would be a second copy of the members' data, outside of every
-- rule about who may see it and when it is erased.
SET client_min_messages = warning;

CREATE SCHEMA IF NOT EXISTS audit;

CREATE TABLE IF NOT EXISTS audit.changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    transaction bigint NOT NULL DEFAULT txid_current(),
    role text NOT NULL DEFAULT session_user,
    address inet DEFAULT inet_client_addr(),
    "table" text NOT NULL,
    operation text NOT NULL,
    row_key jsonb NOT NULL,
    columns text[]
);
CREATE INDEX IF NOT EXISTS changes_at ON audit.changes (at);

-- The trigger's arguments are the columns of the primary key.
CREATE OR REPLACE FUNCTION audit.record() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    changed text[];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT array_agg(key ORDER BY key) INTO changed
        FROM jsonb_each(after) AS field
        WHERE field.value IS DISTINCT FROM before -> field.key;
        IF changed IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO audit.changes ("table", operation, row_key, columns)
    SELECT TG_TABLE_NAME, TG_OP, coalesce(jsonb_object_agg(name, coalesce(after, before) -> name), '{}'), changed
    FROM unnest(TG_ARGV) AS name;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION audit.watch(watched regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key_columns text;
BEGIN
    SELECT string_agg(quote_literal(columns.attname), ', ' ORDER BY columns.attnum) INTO key_columns
    FROM pg_index AS indexes
    JOIN pg_attribute AS columns ON columns.attrelid = watched AND columns.attnum = ANY (indexes.indkey)
    WHERE indexes.indrelid = watched AND indexes.indisprimary;
    EXECUTE format('DROP TRIGGER IF EXISTS audit ON %s', watched);
    EXECUTE format(
        'CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION audit.record(%s)',
        watched, coalesce(key_columns, '')
    );
END $$;

-- Also the tables that a later migration makes.
CREATE OR REPLACE FUNCTION audit.watch_new() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT objid FROM pg_event_trigger_ddl_commands()
        WHERE command_tag = 'CREATE TABLE' AND object_type = 'table' AND schema_name = 'public'
    LOOP
        PERFORM audit.watch(made.objid::regclass);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION audit.switch_on() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM audit.watch(relid) FROM pg_stat_user_tables WHERE schemaname = 'public';
    DROP EVENT TRIGGER IF EXISTS audit;
    CREATE EVENT TRIGGER audit ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION audit.watch_new();
END $$;

-- What was recorded stays; TRUNCATE audit.changes forgets it.
CREATE OR REPLACE FUNCTION audit.switch_off() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    watched record;
BEGIN
    DROP EVENT TRIGGER IF EXISTS audit;
    FOR watched IN SELECT tgrelid::regclass AS name FROM pg_trigger WHERE tgname = 'audit' AND NOT tgisinternal LOOP
        EXECUTE format('DROP TRIGGER audit ON %s', watched.name);
    END LOOP;
END $$;

-- Whoever changes rows cannot change what is said about it.
REVOKE ALL ON SCHEMA audit FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA audit FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA audit FROM PUBLIC;
