-- Leases, the slots that they are of, and what happened to them. Times are microseconds since 1970 by this server's clock.

CREATE TABLE firstlight.slots (
    host    text    COLLATE "C" NOT NULL,
    slot    integer NOT NULL,
    -- The last lease's. Rows stay for ever, so that it only rises.
    fence   bigint  NOT NULL,
    -- Whose lease is not over.
    session text    COLLATE "C",
    PRIMARY KEY (host, slot)
) WITH (fillfactor = 70);

CREATE TABLE firstlight.leases (
    session    text    COLLATE "C" PRIMARY KEY,
    key        text    NOT NULL UNIQUE,
    player     text    NOT NULL,
    title      text    NOT NULL,
    host       text    COLLATE "C" NOT NULL,
    slot       integer NOT NULL,
    fence      bigint  NOT NULL,
    state      text    NOT NULL CHECK (state IN ('granted', 'confirmed', 'ended')),
    cause      text    CHECK ((cause IS NULL) = (state <> 'ended')),
    granted_at bigint  NOT NULL,
    expires_at bigint  NOT NULL,
    ended_at   bigint,
    decision   text    NOT NULL
);
CREATE INDEX leases_player ON firstlight.leases (player);
CREATE INDEX leases_due ON firstlight.leases (expires_at) WHERE state <> 'ended';
CREATE INDEX leases_ended ON firstlight.leases (ended_at) WHERE state = 'ended';
-- The last guard: whatever the functions below get wrong, a slot has one lease that is not over.
CREATE UNIQUE INDEX leases_live ON firstlight.leases (host, slot) WHERE state <> 'ended';

-- Transactions end in another order than their events are numbered. A reader takes only those of transactions older than every
-- one that runs, in the order of the transactions, and so misses none.
CREATE TABLE firstlight.events (
    batch  xid8   NOT NULL DEFAULT pg_current_xact_id(),
    number bigint GENERATED ALWAYS AS IDENTITY,
    at     bigint NOT NULL,
    topic  text   NOT NULL,
    key    text   NOT NULL,
    body   text   NOT NULL,
    dedupe text,
    PRIMARY KEY (batch, number)
);
CREATE INDEX events_at ON firstlight.events (at);
CREATE UNIQUE INDEX events_dedupe ON firstlight.events (dedupe) WHERE dedupe IS NOT NULL;

-- The setting is for tests, which cannot wait.
CREATE FUNCTION firstlight.now_us() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
        + coalesce(nullif(current_setting('firstlight.clock_offset_us', true), ''), '0')::bigint
$$;

CREATE FUNCTION firstlight.tell(l firstlight.leases, now_us bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO firstlight.events (at, topic, key, body) VALUES (now_us, 'lease', l.session,
        jsonb_strip_nulls(jsonb_build_object('session', l.session, 'host', l.host, 'slot', l.slot, 'fence', l.fence,
            'state', l.state, 'cause', l.cause, 'player', l.player, 'title', l.title))::text)
$$;

CREATE FUNCTION firstlight.finish(p_session text, p_cause text, p_now bigint) RETURNS firstlight.leases
LANGUAGE plpgsql AS $$
DECLARE l firstlight.leases;
BEGIN
    UPDATE firstlight.leases SET state = 'ended', cause = p_cause, ended_at = p_now
        WHERE session = p_session AND state <> 'ended' RETURNING * INTO l;
    IF FOUND THEN
        UPDATE firstlight.slots SET session = NULL WHERE host = l.host AND slot = l.slot AND session = p_session;
        PERFORM firstlight.tell(l, p_now);
    END IF;
    RETURN l;
END $$;

-- Outcomes: fresh, known, none; again: another was faster, and a new transaction is to look again. It takes one slot's lock at
-- most before it takes that slot, so that the transactions of a slot are numbered in the order in which they had it.
CREATE FUNCTION firstlight.acquire(p_key text, p_session text, p_player text, p_title text, p_hosts text[], p_slots integer[],
    p_ttl bigint, p_decision text, p_wait boolean)
RETURNS TABLE (outcome text, lease firstlight.leases) LANGUAGE plpgsql AS $$
DECLARE
    l firstlight.leases;
    s firstlight.slots;
    now_us bigint;
    passed_over boolean := false;
    looks_free boolean;
    is_there boolean;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(p_key, 4961));
    SELECT * INTO l FROM firstlight.leases WHERE leases.key = p_key;
    IF FOUND THEN
        RETURN QUERY SELECT 'known', l;
        RETURN;
    END IF;
    now_us := firstlight.now_us();
    FOR i IN 1 .. coalesce(array_length(p_hosts, 1), 0) LOOP
        SELECT true, h.session IS NULL OR NOT EXISTS (SELECT FROM firstlight.leases o
                WHERE o.session = h.session AND o.state <> 'ended' AND o.expires_at > now_us)
            INTO is_there, looks_free FROM firstlight.slots h WHERE h.host = p_hosts[i] AND h.slot = p_slots[i];
        CONTINUE WHEN is_there AND NOT looks_free;
        IF is_there IS NULL THEN
            INSERT INTO firstlight.slots (host, slot, fence) VALUES (p_hosts[i], p_slots[i], 0)
                ON CONFLICT DO NOTHING RETURNING * INTO s;
            IF NOT FOUND THEN
                RETURN QUERY SELECT 'again', l;
                RETURN;
            END IF;
        ELSE
            IF p_wait THEN
                SELECT * INTO s FROM firstlight.slots h WHERE h.host = p_hosts[i] AND h.slot = p_slots[i] FOR UPDATE;
            ELSE
                SELECT * INTO s FROM firstlight.slots h WHERE h.host = p_hosts[i] AND h.slot = p_slots[i]
                    FOR UPDATE SKIP LOCKED;
            END IF;
            IF NOT FOUND THEN
                passed_over := true;
                CONTINUE;
            END IF;
            IF EXISTS (SELECT FROM firstlight.leases o
                    WHERE o.session = s.session AND o.state <> 'ended' AND o.expires_at > now_us) THEN
                RETURN QUERY SELECT 'again', l;
                RETURN;
            END IF;
            IF s.session IS NOT NULL THEN
                PERFORM firstlight.finish(s.session, 'expired', now_us);
            END IF;
        END IF;
        UPDATE firstlight.slots h SET fence = h.fence + 1, session = p_session
            WHERE h.host = s.host AND h.slot = s.slot RETURNING * INTO s;
        INSERT INTO firstlight.leases AS n VALUES (p_session, p_key, p_player, p_title, s.host, s.slot, s.fence, 'granted', NULL,
            now_us, now_us + p_ttl, NULL, p_decision) RETURNING n.* INTO l;
        PERFORM firstlight.tell(l, now_us);
        RETURN QUERY SELECT 'fresh', l;
        RETURN;
    END LOOP;
    RETURN QUERY SELECT CASE WHEN passed_over THEN 'again' ELSE 'none' END, l;
END $$;

-- Outcomes: ok, over, stale, unknown. Every change of a lease has its slot's lock.
CREATE FUNCTION firstlight.confirm(p_session text, p_fence bigint, p_ttl bigint)
RETURNS TABLE (outcome text, lease firstlight.leases) LANGUAGE plpgsql AS $$
DECLARE
    l firstlight.leases;
    now_us bigint;
    was text;
BEGIN
    PERFORM FROM firstlight.slots s JOIN firstlight.leases o ON o.host = s.host AND o.slot = s.slot
        WHERE o.session = p_session FOR UPDATE OF s;
    SELECT * INTO l FROM firstlight.leases o WHERE o.session = p_session;
    IF NOT FOUND THEN RETURN QUERY SELECT 'unknown', l; RETURN; END IF;
    IF l.fence <> p_fence THEN RETURN QUERY SELECT 'stale', l; RETURN; END IF;
    IF l.state = 'ended' THEN RETURN QUERY SELECT 'over', l; RETURN; END IF;
    now_us := firstlight.now_us();
    was := l.state;
    UPDATE firstlight.leases o SET state = 'confirmed', expires_at = now_us + p_ttl
        WHERE o.session = p_session RETURNING o.* INTO l;
    IF was <> 'confirmed' THEN
        PERFORM firstlight.tell(l, now_us);
    END IF;
    RETURN QUERY SELECT 'ok', l;
END $$;

CREATE FUNCTION firstlight.release(p_session text, p_fence bigint, p_cause text)
RETURNS TABLE (outcome text, lease firstlight.leases) LANGUAGE plpgsql AS $$
DECLARE l firstlight.leases;
BEGIN
    PERFORM FROM firstlight.slots s JOIN firstlight.leases o ON o.host = s.host AND o.slot = s.slot
        WHERE o.session = p_session FOR UPDATE OF s;
    SELECT * INTO l FROM firstlight.leases o WHERE o.session = p_session;
    IF NOT FOUND THEN RETURN QUERY SELECT 'unknown', l; RETURN; END IF;
    IF l.fence <> p_fence THEN RETURN QUERY SELECT 'stale', l; RETURN; END IF;
    IF l.state <> 'ended' THEN
        l := firstlight.finish(p_session, p_cause, firstlight.now_us());
    END IF;
    RETURN QUERY SELECT 'ok', l;
END $$;

-- Returns the sessions whose leases go on. Every indexer of a cell hears every beat: what another has just renewed is left
-- alone. A renewal that is lost with the machine costs a beat, and is not waited for.
CREATE FUNCTION firstlight.renew(p_host text, p_sessions text[], p_fences bigint[], p_ttl bigint) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
    now_us bigint := firstlight.now_us();
    l firstlight.leases;
    durable boolean := false;
BEGIN
    PERFORM FROM firstlight.slots s WHERE s.host = p_host AND s.session = ANY (p_sessions) AND EXISTS (
            SELECT FROM firstlight.leases o WHERE o.session = s.session AND o.state <> 'ended'
                AND (o.state = 'granted' OR o.expires_at < now_us + p_ttl - p_ttl / 4))
        ORDER BY s.slot FOR UPDATE;
    FOR l IN
        UPDATE firstlight.leases o SET state = 'confirmed', expires_at = greatest(o.expires_at, now_us + p_ttl)
            FROM unnest(p_sessions, p_fences) AS h (session, fence)
            WHERE o.session = h.session AND o.fence = h.fence AND o.host = p_host AND o.state = 'granted' RETURNING o.*
    LOOP
        durable := true;
        PERFORM firstlight.tell(l, now_us);
    END LOOP;
    UPDATE firstlight.leases o SET expires_at = now_us + p_ttl
        FROM unnest(p_sessions, p_fences) AS h (session, fence)
        WHERE o.session = h.session AND o.fence = h.fence AND o.host = p_host AND o.state = 'confirmed'
            AND o.expires_at < now_us + p_ttl - p_ttl / 4;
    IF NOT durable THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    RETURN QUERY SELECT o.session FROM unnest(p_sessions, p_fences) AS h (session, fence)
        JOIN firstlight.leases o ON o.session = h.session AND o.fence = h.fence AND o.host = p_host AND o.state <> 'ended';
END $$;

CREATE FUNCTION firstlight.expire(p_grace bigint, p_limit integer) RETURNS SETOF firstlight.leases
LANGUAGE plpgsql AS $$
DECLARE
    now_us bigint := firstlight.now_us();
    due text;
    l firstlight.leases;
BEGIN
    FOR due IN
        SELECT o.session FROM firstlight.leases o JOIN firstlight.slots s ON s.host = o.host AND s.slot = o.slot
            WHERE o.state <> 'ended' AND o.expires_at <= now_us - p_grace
            ORDER BY o.expires_at LIMIT p_limit FOR UPDATE OF s SKIP LOCKED
    LOOP
        -- It may have been renewed before its slot's lock was had.
        PERFORM FROM firstlight.leases o
            WHERE o.session = due AND o.state <> 'ended' AND o.expires_at <= now_us - p_grace;
        CONTINUE WHEN NOT FOUND;
        l := firstlight.finish(due, 'expired', now_us);
        IF l.session IS NOT NULL THEN
            RETURN NEXT l;
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION firstlight.sweep(p_before bigint, p_limit integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    leases bigint;
    events bigint;
BEGIN
    DELETE FROM firstlight.leases WHERE session IN (SELECT session FROM firstlight.leases
        WHERE state = 'ended' AND ended_at < p_before ORDER BY ended_at LIMIT p_limit FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS leases = ROW_COUNT;
    DELETE FROM firstlight.events WHERE (batch, number) IN (SELECT batch, number FROM firstlight.events
        WHERE at < p_before ORDER BY at LIMIT p_limit FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS events = ROW_COUNT;
    RETURN leases + events;
END $$;
