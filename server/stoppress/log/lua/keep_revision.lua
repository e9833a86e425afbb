-- keep_revision.lua: put before every script that replaces a post. Keeps the post's earlier
-- states, which only the desk reads. Needs need_acl_rights.lua.
--
-- The hash `revisions` holds for each post:
--   <post>        "<rev> <kept>\n<about>": the `about` of the post's state at `rev`, and the
--                 earlier states kept, newest first, as "<rev>:<bytes> …". A release without
--                 revisions does not update it: then `rev` is not the post's. Of a post
--                 that was taken down: "taken down\n<about>".
--   <post> <rev>  "<about>\n<body>": an earlier state
-- `about` is JSON that no script reads: when, by whom and why the state was made.

-- need_to_keep_revision(revisions): check the rights that keep_revision needs.
local function need_to_keep_revision(revisions)
  need('HGET', revisions, '')
  need('HSET', revisions, '', '')
  need('HDEL', revisions, '')
end

-- is_taken_down(revisions, post): whether the post was erased.
local function is_taken_down(revisions, post)
  local head = redis.call('HGET', revisions, post)
  return head ~= false and string.sub(head, 1, 11) == 'taken down\n'
end

-- keep_revision(revisions, post, before, body, rev, about, most, bytes)
--   before, body   the state that is replaced (nil: none; '': withdrawn)
--   rev, about     the new state
--   most, bytes    limits of the earlier states; the newest is always kept
-- Returns how many were dropped.
local function keep_revision(revisions, post, before, body, rev, about, most, bytes)
  if not before then
    redis.call('HSET', revisions, post, rev .. ' \n' .. about)
    return 0
  end
  local head = redis.call('HGET', revisions, post) or ' \n'
  local of, kept, known = string.match(head, '^(%S*) (.-)\n(.*)$')
  if of ~= before then known = '' end
  if body ~= '' and most > 0 then
    redis.call('HSET', revisions, post .. ' ' .. before, known .. '\n' .. body)
    kept = before .. ':' .. #body .. ' ' .. kept
  end
  local left, gone = {}, {}
  for earlier, size in string.gmatch(kept, '(%d+):(%d+)') do
    bytes = bytes - size
    if #gone == 0 and #left < most and (bytes >= 0 or #left == 0) then
      left[#left + 1] = earlier .. ':' .. size
    else
      gone[#gone + 1] = post .. ' ' .. earlier
    end
  end
  if #gone > 0 then redis.call('HDEL', revisions, unpack(gone)) end
  redis.call('HSET', revisions, post,
    rev .. ' ' .. table.concat(left, ' ') .. '\n' .. about)
  return #gone
end

