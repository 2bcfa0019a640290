-- Small documents that the indexers of a cell share. Engines of schema 1 have no use for them.

CREATE SEQUENCE firstlight.revisions;

CREATE TABLE firstlight.records (
    bucket   text   COLLATE "C" NOT NULL,
    key      text   COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    body     text   NOT NULL,
    PRIMARY KEY (bucket, key)
);

-- What is expected: any, absent, or a revision. Returns the new revision, or what was there instead.
CREATE FUNCTION firstlight.put(p_bucket text, p_key text, p_expect text, p_revision bigint, p_body text)
RETURNS TABLE (done boolean, revision bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    new bigint := nextval('firstlight.revisions');
    there bigint;
BEGIN
    IF p_expect = 'absent' THEN
        INSERT INTO firstlight.records VALUES (p_bucket, p_key, new, p_body) ON CONFLICT DO NOTHING;
    ELSIF p_expect = 'any' THEN
        INSERT INTO firstlight.records VALUES (p_bucket, p_key, new, p_body)
            ON CONFLICT (bucket, key) DO UPDATE SET revision = new, body = p_body;
    ELSE
        UPDATE firstlight.records r SET revision = new, body = p_body
            WHERE r.bucket = p_bucket AND r.key = p_key AND r.revision = p_revision;
    END IF;
    IF FOUND THEN
        RETURN QUERY SELECT true, new;
        RETURN;
    END IF;
    SELECT r.revision INTO there FROM firstlight.records r WHERE r.bucket = p_bucket AND r.key = p_key;
    RETURN QUERY SELECT false, there;
END $$;

CREATE FUNCTION firstlight.remove(p_bucket text, p_key text, p_expect text, p_revision bigint)
RETURNS TABLE (done boolean, revision bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE there bigint;
BEGIN
    SELECT r.revision INTO there FROM firstlight.records r WHERE r.bucket = p_bucket AND r.key = p_key FOR UPDATE;
    IF p_expect = 'any' OR (p_expect = 'absent' AND there IS NULL) OR (p_expect = 'revision' AND there = p_revision) THEN
        DELETE FROM firstlight.records r WHERE r.bucket = p_bucket AND r.key = p_key;
        RETURN QUERY SELECT true, coalesce(there, 0);
    ELSE
        RETURN QUERY SELECT false, there;
    END IF;
END $$;
