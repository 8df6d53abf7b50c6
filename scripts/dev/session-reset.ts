/**
 * What Neon's proxy runs when a request returns its connection: everything of DISCARD ALL except DISCARD PLANS, so the
 * plans of a PL/pgSQL function live as long as their backend (neondatabase/neon#12681).
 */
export const sessionReset = `
CLOSE ALL;
SET SESSION AUTHORIZATION DEFAULT;
RESET ALL;
DEALLOCATE ALL;
UNLISTEN *;
SELECT pg_advisory_unlock_all();
DISCARD TEMP;
DISCARD SEQUENCES`
