-- What players have saved, in pieces of a mebibyte at the most. Engines of schema 4 keep it on the machine where the session ran.

CREATE TABLE firstlight.blobs (
    blob       text    COLLATE "C" NOT NULL,
    piece      integer NOT NULL,
    written_at bigint  NOT NULL,
    body       bytea   NOT NULL,
    PRIMARY KEY (blob, piece)
);

-- It is compressed already.
ALTER TABLE firstlight.blobs ALTER COLUMN body SET STORAGE EXTERNAL;
