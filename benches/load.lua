-- One body over and over with REPEAT set, else a new one each time, so that no remembered answer helps.
local n = 0
function request()
  n = n + 1
  local tail = os.getenv("REPEAT") and "" or (" request " .. n .. "-" .. math.random(1, 1000000000))
  local body = '{"error_message":"Back-off restarting failed container app in pod orders-7c58bc488d-ccpqw_shop: '
    .. 'dial tcp 10.96.44.7:5432: connect: connection refused' .. tail
    .. '","namespace":"shop","pod_name":"orders-7c58bc488d-ccpqw"}'
  return wrk.format("POST", "/diagnose", {["content-type"] = "application/json"}, body)
end
