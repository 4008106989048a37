-- Keeps the connection for `held` seconds, from `since` (Unix time) or from the end of the previous call on this connection.
-- Times of ends follow each other exactly, so the time between two calls does not reduce the rate.
CREATE FUNCTION hold(held double precision, since double precision) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
  free_at double precision := coalesce(nullif(current_setting('hold.until', true), ''), '0')::double precision;
  ends_at double precision := greatest(free_at, since) + held;
BEGIN
  PERFORM set_config('hold.until', ends_at::text, false);
  PERFORM pg_sleep(greatest(0, ends_at - extract(epoch FROM clock_timestamp())));
  RETURN ends_at;
END
$$;
