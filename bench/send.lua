-- For wrk: sends the requests of a file (bench/requests.ts) in their order, from the beginning again when they run out, and
-- tells as one line of JSON what came of it. One thread only: each would have a file of its own.
local file

function init(args)
  file = assert(io.open(args[1], "rb"))
end

function request()
  local length = file:read(8)
  if length == nil then
    file:seek("set", 0)
    length = file:read(8)
  end
  return file:read(tonumber(length))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"answers":%d,"refused":%d,"failed":%d,"seconds":%.6f,"p50Ms":%.3f,"p99Ms":%.3f}\n',
    summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
