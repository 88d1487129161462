-- What wrk sends and counts. ROUTE is the path; KEYS are callers' keys, by comma, taken in turn. One body over and over with REPEAT set, else a new
-- one each time, so that no remembered answer helps. With NAMED set the question names its pod, so that each diagnosis is recorded as well. DELAY_MS is waited before each request of a connection, so that a rate can be held.
local route, delay_ms = os.getenv("ROUTE") or "/diagnose", tonumber(os.getenv("DELAY_MS") or "0")
local keys = {}
for key in string.gmatch(os.getenv("KEYS") or "", "[^,]+") do keys[#keys + 1] = key end
local n = math.random(1, 1000000)

function request()
  n = n + 1
  local tail = os.getenv("REPEAT") and "" or (" request " .. n .. "-" .. math.random(1, 1000000000))
  local body = '{"error_message":"Back-off restarting failed container app in pod orders-7c58bc488d-ccpqw_shop: '
    .. 'dial tcp 10.96.44.7:5432: connect: connection refused' .. tail .. '"'
  if os.getenv("NAMED") then body = body .. ',"namespace":"shop","pod_name":"orders-7c58bc488d-ccpqw"' end
  local headers = {["content-type"] = "application/json"}
  if #keys > 0 then headers["x-api-key"] = keys[n % #keys + 1] end
  return wrk.format("POST", route, headers, body .. "}")
end

if delay_ms > 0 then
  function delay() return delay_ms end
end

function done(summary, latency, requests)
  local wrong = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  io.write(string.format("TOLD %f %f %f %f %d %d\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000, summary.requests, wrong))
end
