CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- Retention may take away what an anchor row in the chain vouches for.
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
WHEN NOT EXISTS (SELECT 1 FROM audit WHERE kind = 'anchor' AND of_seq >= OLD.seq AND seq > OLD.seq) BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
