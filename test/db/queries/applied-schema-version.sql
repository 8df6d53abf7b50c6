select max("version") as "version" from "schema_migrations";
-- returns:
--   version integer
