-- audit_upload_and_note_idempotency_key.lua: note an upload in the audit and under its Idempotency-Key; or look it up.
--
-- KEYS  1 meta  2 idem  3 audit
-- ARGV  1 fingerprint ('' for none)  2 name ('' to look it up only)  3 ttl, in s
--       4 audit entry  5 oldest  6 ttl  7 most
-- Returns {'ok'} or {'none'} or {'repeated', '', name} or {'reused'} or {'nofeed'}
need('HGET', KEYS[1], '')
need_to_recollect(KEYS[2])
need_to_audit(KEYS[3])
local born = redis.call('HGET', KEYS[1], 'born')
if not born then return {'nofeed'} end
local repeated = recollect(KEYS[2], ARGV[1], born)
if repeated then return repeated end
if ARGV[2] == '' then return {'none'} end
add_audit(KEYS[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7])
keep(KEYS[2], ARGV[1], born, '', ARGV[2], ARGV[3])
return {'ok'}
