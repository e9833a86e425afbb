-- change_desk_text.lua: put or delete a text that the desk keeps for itself (a template, or the
-- notes on a post), with its audit entry, under an Idempotency-Key.
--
-- KEYS  1 texts  2 idem  3 audit; of a feed's text also  4 meta  5 posts
-- ARGV  1 fingerprint ('' for none)  2 name  3 record ('' deletes)  4 most texts
--       5 the post that it is about ('' for none)  6 ttl, in s
--       7 audit entry  8 oldest  9 ttl  10 most
--       11 tags, of which the text as it is must have one, each between spaces ('': any); a tag
--       is the SHA-1 of the text
-- Returns {'ok'} or {'none'} (there was none to delete) or {'full'} or {'nofeed'} or
--   {'other', record ('' if there is none)} or {'nopost'} or {'gone', rev} or {'reused'} or
--   {'repeated', record ('' if there is none now)}
need('HGET', KEYS[1], '')
need('HLEN', KEYS[1])
need('HSET', KEYS[1], '', '')
need('HDEL', KEYS[1], '')
need('DEL', KEYS[1])
need_to_recollect(KEYS[2])
need_to_audit(KEYS[3])
local born = nil
if KEYS[4] then
  need('HGET', KEYS[4], '')
  need('HGET', KEYS[5], '')
  born = redis.call('HGET', KEYS[4], 'born')
  if not born then return {'nofeed'} end
end
local repeated = recollect(KEYS[2], ARGV[1], born)
if repeated then
  if repeated[1] == 'reused' then return repeated end
  return {'repeated', redis.call('HGET', KEYS[1], ARGV[2]) or ''}
end
if ARGV[5] ~= '' then
  local value = redis.call('HGET', KEYS[5], ARGV[5])
  if not value then return {'nopost'} end
  local withdrawn = string.match(value, '^(%d+) $')
  if withdrawn then return {'gone', withdrawn} end
end
if born and redis.call('HGET', KEYS[1], 'of') ~= born then
  redis.call('DEL', KEYS[1])  -- of a former feed of the slug
end
if ARGV[11] ~= '' then
  local record = redis.call('HGET', KEYS[1], ARGV[2]) or ''
  if not string.find(ARGV[11], ' ' .. redis.sha1hex(record) .. ' ', 1, true) then
    return {'other', record}
  end
end
if ARGV[3] == '' then
  if redis.call('HDEL', KEYS[1], ARGV[2]) == 0 then return {'none'} end
else
  if not redis.call('HGET', KEYS[1], ARGV[2])
    and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return {'full'} end
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
  if born then redis.call('HSET', KEYS[1], 'of', born) end
end
add_audit(KEYS[3], ARGV[7], ARGV[8], ARGV[9], ARGV[10])
keep(KEYS[2], ARGV[1], born or '', '', ARGV[2], ARGV[6])
return {'ok'}
