-- An audit trail that is off until SELECT audit.switch_on(): which row of which table was changed, when, by which role
-- from where, and which columns; and what was done to the tables themselves. No values: the trail would be a second
-- copy of the members' data, outside of every rule about who may see it and when it is erased.
--
-- Whoever owns a table can drop, disable, rename or replace its triggers. So while the trail is on, event triggers,
-- which only a superuser can touch, look at every table after every command that defines something: a new one gets the
-- trail's triggers, and a command that leaves one without them is refused.
SET client_min_messages = warning;

CREATE SCHEMA IF NOT EXISTS audit;

-- In a schema of somebody else the trail would be hers.
DO $$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles JOIN pg_namespace ON nspowner = pg_roles.oid WHERE nspname = 'audit') THEN
        RAISE EXCEPTION 'The schema audit belongs to a role that is no superuser.'
            USING HINT = 'Look at what it holds, rename or drop it, then run this again.';
    END IF;
END $$;

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
-- The table's object id, which stays the same when it is renamed.
ALTER TABLE audit.changes ADD COLUMN IF NOT EXISTS relid oid;

-- A table of public by its name, as the API speaks of it; any other with its schema.
CREATE OR REPLACE FUNCTION audit.table_name(schema_name name, name name) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE schema_name WHEN 'public' THEN name::text ELSE format('%I.%I', schema_name, name) END
$$;

-- The trigger's arguments: a query for the row's fields if to_jsonb may not read them (see audit.wanted_triggers), then
-- the columns of the primary key. They are the trigger's and not looked up here, for a transaction with an old snapshot
-- would see an old table.
CREATE OR REPLACE FUNCTION audit.record() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before jsonb;
    after jsonb;
    changed text[];
BEGIN
    IF TG_OP <> 'INSERT' THEN
        IF TG_ARGV[0] = '' THEN
            before := to_jsonb(OLD);
        ELSE
            EXECUTE TG_ARGV[0] INTO before USING OLD;
        END IF;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        IF TG_ARGV[0] = '' THEN
            after := to_jsonb(NEW);
        ELSE
            EXECUTE TG_ARGV[0] INTO after USING NEW;
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        SELECT array_agg(key ORDER BY key) INTO changed
        FROM jsonb_each(after) AS field
        WHERE field.value IS DISTINCT FROM before -> field.key;
        IF changed IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO audit.changes ("table", operation, row_key, columns, relid)
    SELECT
        audit.table_name(TG_TABLE_SCHEMA, TG_TABLE_NAME), TG_OP,
        coalesce(jsonb_object_agg(name, coalesce(after, before) -> name), '{}'), changed, TG_RELID
    FROM unnest(TG_ARGV) WITH ORDINALITY AS arguments (name, position)
    WHERE position > 1;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION audit.record_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO audit.changes ("table", operation, row_key, relid)
    VALUES (audit.table_name(TG_TABLE_SCHEMA, TG_TABLE_NAME), TG_OP, '{}', TG_RELID);
    RETURN NULL;
END $$;

-- What each table must have, in whatever schema it is: a role's search_path can lead the API to any. A partitioned
-- table holds no rows, and TRUNCATE fires the triggers of its partitions; these have triggers of their own, so that
-- they can be attached and detached. Temporary tables end with their session, and nothing can make them permanent.
--
-- to_jsonb calls the cast to json of a type that is not built in, and whoever owns the type wrote that cast: here it
-- would run as the superuser. Such a column is read by its type's output function, which only superusers can make.
CREATE OR REPLACE VIEW audit.wanted_triggers AS
SELECT tables.oid AS relid, triggers.*
FROM pg_catalog.pg_class AS tables
JOIN pg_catalog.pg_namespace AS schemas ON schemas.oid = tables.relnamespace
CROSS JOIN LATERAL (
    SELECT CASE WHEN bool_or(columns.atttypid >= 16384)
        THEN format('SELECT to_jsonb(fields) FROM (SELECT %s) AS fields', string_agg(
            CASE WHEN columns.atttypid >= 16384
                THEN format(
                    'CASE num_nulls(($1).%1$I) WHEN 0 THEN format(''%%s'', ($1).%1$I) END AS %1$I', columns.attname
                )
                ELSE format('($1).%I', columns.attname)
            END, ', ' ORDER BY columns.attnum))
        ELSE ''
    END AS reading
    FROM pg_catalog.pg_attribute AS columns
    WHERE columns.attrelid = tables.oid AND columns.attnum > 0 AND NOT columns.attisdropped
) AS fields
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(columns.attname::text ORDER BY columns.attnum), '{}') AS names
    FROM pg_catalog.pg_index AS indexes
    JOIN pg_catalog.pg_attribute AS columns
        ON columns.attrelid = tables.oid AND columns.attnum = ANY (indexes.indkey)
    WHERE indexes.indrelid = tables.oid AND indexes.indisprimary
) AS key_columns
CROSS JOIN LATERAL (
    -- The numbers are pg_trigger's tgtype of what the texts say.
    VALUES
        ('audit'::name, 'AFTER INSERT OR UPDATE OR DELETE', 'ROW', 29::smallint, 'audit.record()'::regprocedure,
            fields.reading || key_columns.names),
        ('audit_truncate', 'AFTER TRUNCATE', 'STATEMENT', 32, 'audit.record_truncate()', ARRAY[]::text[])
) AS triggers (name, timing, level, type, function, arguments)
WHERE tables.relkind = 'r' AND tables.relpersistence <> 't'
    AND schemas.nspname NOT IN ('pg_catalog', 'information_schema', 'audit');

-- Where it is otherwise. `missing`: of a new table. `outdated`: the table's columns have changed. `broken`: not as the
-- trail made it.
CREATE OR REPLACE VIEW audit.faults AS
SELECT
    coalesce(wanted.relid, found.tgrelid) AS relid,
    coalesce(found.tgname, wanted.name) AS name,
    found.oid AS trigger,
    CASE
        WHEN found.oid IS NULL THEN 'missing'
        WHEN found.is_whole AND found.tgtype = wanted.type AND found.tgfoid = wanted.function THEN 'outdated'
        ELSE 'broken'
    END AS fault,
    wanted.timing, wanted.level, wanted.function, wanted.arguments
FROM audit.wanted_triggers AS wanted
FULL JOIN (
    SELECT
        triggers.*,
        tgenabled IN ('O', 'A') AND tgqual IS NULL AND tgattr::text = '' AND tgparentid = 0 AND tgconstraint = 0
            AS is_whole
    FROM pg_catalog.pg_trigger AS triggers
    JOIN pg_catalog.pg_class AS tables ON tables.oid = triggers.tgrelid
    WHERE tables.relkind IN ('r', 'p') AND tables.relpersistence <> 't'
        AND (triggers.tgname IN ('audit', 'audit_truncate')
            OR triggers.tgfoid IN ('audit.record()'::regprocedure, 'audit.record_truncate()'::regprocedure))
) AS found ON found.tgrelid = wanted.relid AND found.tgname = wanted.name
WHERE (found.is_whole AND found.tgtype = wanted.type AND found.tgfoid = wanted.function AND found.tgargs = (
    SELECT coalesce(
        string_agg(convert_to(argument, getdatabaseencoding()) || decode('00', 'hex'), '' ORDER BY position), ''
    )
    FROM unnest(wanted.arguments) WITH ORDINALITY AS arguments (argument, position)
)) IS NOT TRUE;

-- Gives every table what it lacks.
CREATE OR REPLACE FUNCTION audit.watch_all() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lacking record;
BEGIN
    FOR lacking IN SELECT * FROM audit.faults WHERE fault <> 'broken' LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER %I %s ON %s FOR EACH %s EXECUTE FUNCTION %s(%s)',
            lacking.name, lacking.timing, lacking.relid::regclass, lacking.level,
            lacking.function::oid::regproc,
            (SELECT string_agg(quote_literal(argument), ', ' ORDER BY position)
                FROM unnest(lacking.arguments) WITH ORDINALITY AS arguments (argument, position))
        );
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION audit.refuse(trigger_name name, table_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'The audit trail is on: trigger % of table % must stay as the trail made it.',
        quote_ident(trigger_name), table_name
        USING ERRCODE = 'insufficient_privilege',
            HINT = 'The names audit and audit_truncate are the trail''s. '
                'A superuser switches it off: SELECT audit.switch_off()';
END $$;

-- After every command that defines something: what it did is recorded, and all tables are watched.
CREATE OR REPLACE FUNCTION audit.keep() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    broken record;
BEGIN
    -- The trail's own triggers are made below, and lead here again.
    IF tg_tag = 'CREATE TRIGGER' AND NOT EXISTS (
        SELECT FROM pg_event_trigger_ddl_commands() AS commands
        LEFT JOIN pg_trigger AS triggers ON triggers.oid = commands.objid
        WHERE (triggers.tgfoid IN ('audit.record()'::regprocedure, 'audit.record_truncate()'::regprocedure)) IS NOT TRUE
            OR triggers.oid IN (SELECT trigger FROM audit.faults WHERE trigger IS NOT NULL)
    ) THEN
        RETURN;
    END IF;
    -- Under an older snapshot the check would not see what the command has found.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'The audit trail is on: % needs a transaction that is READ COMMITTED.', tg_tag
            USING ERRCODE = 'insufficient_privilege',
                HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED, or SET default_transaction_isolation.';
    END IF;

    -- What a table brings along (indexes, sequences) is not told, nor what setup.sh makes; rights have no name here.
    INSERT INTO audit.changes ("table", operation, row_key, columns, relid)
    SELECT
        coalesce(audit.table_name(schemas.nspname, tables.relname), commands.object_identity),
        commands.command_tag, '{}', CASE WHEN columns.attname IS NOT NULL THEN ARRAY[columns.attname] END, tables.oid
    FROM pg_event_trigger_ddl_commands() WITH ORDINALITY AS commands
    LEFT JOIN pg_class AS tables ON commands.classid = 'pg_class'::regclass AND tables.oid = commands.objid
        AND tables.relkind IN ('r', 'p')
    LEFT JOIN pg_namespace AS schemas ON schemas.oid = tables.relnamespace
    LEFT JOIN pg_attribute AS columns ON columns.attrelid = tables.oid AND columns.attnum = commands.objsubid
        AND commands.objsubid > 0
    WHERE commands.object_identity IS NOT NULL AND commands.object_type NOT IN ('index', 'sequence')
        AND (commands.schema_name IN ('pg_temp', 'audit', 'monitoring')) IS NOT TRUE
    ORDER BY commands.ordinality;

    SELECT name, relid INTO broken FROM audit.faults WHERE fault = 'broken' LIMIT 1;
    IF FOUND THEN
        PERFORM audit.refuse(broken.name, broken.relid::regclass::text);
    END IF;
    PERFORM audit.watch_all();
END $$;

-- A trigger of the trail goes with its table or not at all, whatever takes it along.
CREATE OR REPLACE FUNCTION audit.keep_dropped() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    dropped record;
    left_over regclass;
BEGIN
    FOR dropped IN
        SELECT * FROM pg_event_trigger_dropped_objects()
        WHERE NOT is_temporary AND (schema_name IN ('audit', 'monitoring')) IS NOT TRUE
    LOOP
        IF dropped.object_type = 'trigger' AND dropped.address_names[3] IN ('audit', 'audit_truncate') THEN
            left_over := to_regclass(format('%I.%I', dropped.address_names[1], dropped.address_names[2]));
            IF EXISTS (SELECT FROM audit.wanted_triggers WHERE relid = left_over) THEN
                PERFORM audit.refuse(dropped.address_names[3], left_over::text);
            END IF;
        ELSIF dropped.object_type IN ('table', 'table column') THEN
            INSERT INTO audit.changes ("table", operation, row_key, columns, relid)
            VALUES (
                audit.table_name(dropped.address_names[1], dropped.address_names[2]),
                CASE dropped.object_type WHEN 'table' THEN 'DROP TABLE' ELSE tg_tag END,
                '{}', dropped.address_names[3:3], dropped.objid
            );
        ELSIF dropped.original AND dropped.object_type NOT IN ('index', 'sequence') THEN
            INSERT INTO audit.changes ("table", operation, row_key) VALUES (dropped.object_identity, tg_tag, '{}');
        END IF;
    END LOOP;
END $$;

-- ALTER TABLE ... USING gives a column new values, and no trigger of rows hears of it.
CREATE OR REPLACE FUNCTION audit.record_rewrite() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO audit.changes ("table", operation, row_key, relid)
    SELECT audit.table_name(schemas.nspname, tables.relname), 'REWRITE', '{}', tables.oid
    FROM pg_class AS tables
    JOIN pg_namespace AS schemas ON schemas.oid = tables.relnamespace
    WHERE tables.oid = pg_event_trigger_table_rewrite_oid() AND tables.relpersistence <> 't';
END $$;

CREATE OR REPLACE VIEW audit.wanted_event_triggers AS
SELECT wanted.*, found.oid IS NOT NULL AS is_there
FROM (VALUES
    ('audit'::name, 'ddl_command_end'::name, 'audit.keep()'::regprocedure),
    ('audit_drop', 'sql_drop', 'audit.keep_dropped()'),
    ('audit_rewrite', 'table_rewrite', 'audit.record_rewrite()')
) AS wanted (name, event, function)
LEFT JOIN pg_catalog.pg_event_trigger AS found
    ON found.evtname = wanted.name AND found.evtevent = wanted.event AND found.evtfoid = wanted.function
    AND found.evttags IS NULL AND found.evtenabled IN ('O', 'A');

-- Takes away all that makes the trail, whichever version of it.
CREATE OR REPLACE FUNCTION audit.take_away() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    watched record;
BEGIN
    DROP EVENT TRIGGER IF EXISTS audit;
    DROP EVENT TRIGGER IF EXISTS audit_drop;
    DROP EVENT TRIGGER IF EXISTS audit_rewrite;
    FOR watched IN
        SELECT tgname AS name, tgrelid::regclass AS table
        FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE tgparentid = 0 AND relkind IN ('r', 'p') AND relpersistence <> 't'
            AND (tgname IN ('audit', 'audit_truncate')
                OR tgfoid IN ('audit.record()'::regprocedure, 'audit.record_truncate()'::regprocedure))
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', watched.name, watched.table);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION audit.switch_on() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was_on boolean := EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'audit');
    wanted record;
BEGIN
    IF EXISTS (SELECT FROM audit.wanted_event_triggers WHERE NOT is_there)
        OR EXISTS (SELECT FROM audit.faults WHERE fault = 'broken') THEN
        PERFORM audit.take_away();
    END IF;
    PERFORM audit.watch_all();
    FOR wanted IN SELECT * FROM audit.wanted_event_triggers WHERE NOT is_there LOOP
        EXECUTE format(
            'CREATE EVENT TRIGGER %I ON %s EXECUTE FUNCTION %s()',
            wanted.name, wanted.event, wanted.function::oid::regproc
        );
    END LOOP;
    IF NOT was_on THEN
        INSERT INTO audit.changes ("table", operation, row_key) VALUES ('audit.changes', 'SWITCH ON', '{}');
    END IF;
END $$;

-- What was recorded stays; TRUNCATE audit.changes forgets it.
CREATE OR REPLACE FUNCTION audit.switch_off() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'audit') THEN
        INSERT INTO audit.changes ("table", operation, row_key) VALUES ('audit.changes', 'SWITCH OFF', '{}');
    END IF;
    PERFORM audit.take_away();
END $$;

-- Forgets what is older than so long, and says how much that was; that it was done stays in the trail.
CREATE OR REPLACE FUNCTION audit.trim(keep interval) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    forgotten bigint;
BEGIN
    IF (keep >= interval '0') IS NOT TRUE THEN
        RAISE EXCEPTION 'audit.trim takes how long to keep what was recorded, such as interval ''90 days''.';
    END IF;
    DELETE FROM audit.changes WHERE at < clock_timestamp() - keep;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    IF forgotten > 0 THEN
        INSERT INTO audit.changes ("table", operation, row_key) VALUES ('audit.changes', 'TRIM', '{}');
    END IF;
    RETURN forgotten;
END $$;

-- Whoever changes rows cannot change what is said about it.
REVOKE ALL ON SCHEMA audit FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA audit FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA audit FROM PUBLIC;

-- A trail that is on stays on, as this version makes it; those of the version before had these functions.
SELECT audit.switch_on() WHERE EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtname = 'audit');
DROP FUNCTION IF EXISTS audit.watch_new();
DROP FUNCTION IF EXISTS audit.watch(regclass);
