-- What PostGraphile does not make of the tables by itself: the write, with the rows that Plant Care writes.
CREATE SCHEMA IF NOT EXISTS bench_peer;

-- A UUID of version 7: ids grow with time, as comments are read in their order.
CREATE OR REPLACE FUNCTION bench_peer.new_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
    FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
$$;
COMMENT ON FUNCTION bench_peer.new_id() IS '@behavior -*';

-- Null if the viewer is no party of the request.
CREATE OR REPLACE FUNCTION bench_peer.add_comment(care_request_id uuid, body text, viewer uuid)
  RETURNS public.comments LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  request record;
  added public.comments;
  event uuid := bench_peer.new_id();
  recorded timestamptz;
  head record;
  place text;
  places text[];
  sequences bigint[];
  versions bigint[];
BEGIN
  SELECT r.id, r.owner_id, r.caretaker_id INTO request FROM public.care_requests r
    WHERE r.id = add_comment.care_request_id AND add_comment.viewer IN (r.owner_id, r.caretaker_id) FOR SHARE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  INSERT INTO public.comments (id, care_request_id, author_id, body, is_advice, created_at, version)
    VALUES (bench_peer.new_id(), request.id, add_comment.viewer, add_comment.body, false, now(), 1)
    RETURNING * INTO added;

  -- The counters are raised in one order by all, the request's first: so writers wait and never deadlock.
  places := ARRAY['care:' || request.id] || ARRAY(
    SELECT 'user:' || u FROM unnest(ARRAY[request.owner_id, request.caretaker_id]) u WHERE u <> add_comment.viewer);
  FOREACH place IN ARRAY places LOOP
    INSERT INTO public.streams AS s (name, last_seq, floor_seq, last_recorded_at, access_version)
      VALUES (place, 1, 0, now(), 0)
      ON CONFLICT (name) DO UPDATE SET last_seq = s.last_seq + 1
      RETURNING s.last_seq, s.last_recorded_at, s.access_version INTO head;
    sequences := sequences || head.last_seq;
    versions := versions || head.access_version;
    recorded := greatest(recorded, head.last_recorded_at);
  END LOOP;
  recorded := greatest(recorded, clock_timestamp());
  UPDATE public.streams SET last_recorded_at = recorded WHERE name = ANY (places);
  INSERT INTO public.events (id, kind, care_request_id, actor_id, subject_id, occurred_at, recorded_at)
    VALUES (event, 'COMMENT_ADDED', request.id, add_comment.viewer, added.id, recorded, recorded);
  INSERT INTO public.stream_entries (stream, seq, event_id, level, access_version)
    SELECT e.name, e.seq, event, 'NOTICE', e.version FROM unnest(places, sequences, versions) AS e (name, seq, version);
  PERFORM pg_notify('plant_care_wake', '1 postgraphile' || string_agg(E'\nm ' || e.name || ' ' || e.seq, ''))
    FROM unnest(places, sequences) AS e (name, seq);
  RETURN added;
END
$$;
