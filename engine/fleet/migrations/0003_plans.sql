-- What is called in every change of a lease keeps its plans with the connection: a function in SQL that is not inlined is parsed and
-- planned at every call.

CREATE OR REPLACE FUNCTION firstlight.tell(l firstlight.leases, now_us bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO firstlight.events (at, topic, key, body) VALUES (now_us, 'lease', l.session,
        jsonb_strip_nulls(jsonb_build_object('session', l.session, 'host', l.host, 'slot', l.slot, 'fence', l.fence,
            'state', l.state, 'cause', l.cause, 'player', l.player, 'title', l.title))::text);
END $$;
