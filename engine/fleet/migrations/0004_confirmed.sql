-- A lease that is confirmed was taken by its host: one who claimed it as well and heard nothing ends it no more. One that ended before it
-- was confirmed no player was told of: it was refused, whoever heard of its end first.
CREATE OR REPLACE FUNCTION firstlight.release(p_session text, p_fence bigint, p_cause text)
RETURNS TABLE (outcome text, lease firstlight.leases) LANGUAGE plpgsql AS $$
DECLARE l firstlight.leases;
BEGIN
    PERFORM FROM firstlight.slots s JOIN firstlight.leases o ON o.host = s.host AND o.slot = s.slot
        WHERE o.session = p_session FOR UPDATE OF s;
    SELECT * INTO l FROM firstlight.leases o WHERE o.session = p_session;
    IF NOT FOUND THEN RETURN QUERY SELECT 'unknown', l; RETURN; END IF;
    IF l.fence <> p_fence THEN RETURN QUERY SELECT 'stale', l; RETURN; END IF;
    IF l.state <> 'ended' AND NOT (p_cause = 'refused' AND l.state = 'confirmed') THEN
        l := firstlight.finish(p_session, CASE WHEN p_cause = 'released' AND l.state = 'granted' THEN 'refused' ELSE p_cause END,
            firstlight.now_us());
    END IF;
    RETURN QUERY SELECT 'ok', l;
END $$;

-- The grant is on the disk, and the host has the session: a confirmation that is lost with the server is told again by the host's
-- next renewal, long before a grant ends. Nobody waits for the disk a second time.
CREATE OR REPLACE FUNCTION firstlight.confirm(p_session text, p_fence bigint, p_ttl bigint)
RETURNS TABLE (outcome text, lease firstlight.leases) LANGUAGE plpgsql AS $$
DECLARE
    l firstlight.leases;
    now_us bigint;
    was text;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
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
