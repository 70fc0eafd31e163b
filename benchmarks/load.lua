-- Sends one JSON body after the other, in the order of the file, and prints the outcome as one line of JSON.
-- Usage: wrk ... -s load.lua URL -- BODIES
-- Every request is built before the clock starts, so that the load costs as little as possible.

local requests, position = {}, 0

function init(arguments)
  local headers = { ["Content-Type"] = "application/json" }
  for name, value in pairs(wrk.headers) do headers[name] = value end
  for body in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"seconds":%.6f,"p50_ms":%.4f,"p99_ms":%.4f,"max_ms":%.4f,' ..
    '"refused":%d,"unsent":%d,"unread":%d,"bad_status":%d,"timeouts":%d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
    errors.connect, errors.write, errors.read, errors.status, errors.timeout))
end
