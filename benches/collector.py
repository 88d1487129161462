"""A collector of traces that takes whatever it is sent over gRPC and keeps none of it: collector.py PORT. What it was sent is printed at the end."""
import concurrent.futures
import signal
import sys

import grpc

told = {"exports": 0, "bytes": 0}


class Everything(grpc.GenericRpcHandler):
    def service(self, _):
        return grpc.unary_unary_rpc_method_handler(self.take)

    @staticmethod
    def take(request, _):
        told["exports"] += 1
        told["bytes"] += len(request)
        # An empty ExportTraceServiceResponse: everything was accepted.
        return b""


# In every thread that is made from here on.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
server.add_generic_rpc_handlers((Everything(),))
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
signal.sigwait({signal.SIGTERM, signal.SIGINT})
print(told["exports"], told["bytes"], flush=True)
server.stop(1)
