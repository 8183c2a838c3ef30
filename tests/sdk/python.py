"""10,000 events by a library for Python that speaks as Segment's does: python.py MODULE NAME HOST KEY EVENTS"""

import importlib
import sys

module, name, host, key, events = *sys.argv[1:5], int(sys.argv[5])
failed = []
client = importlib.import_module(module).Client(
    key, host=host, gzip=True, max_retries=50, max_queue_size=events + 10, on_error=lambda error, items: failed.append(error)
)
client.identify(f"{name}-user", {"email": f"{name}@example.org", "plan": "gold"})
for n in range(events):
    client.track(f"{name}-{n % 500}", f"Sdk {name.capitalize()} Sent", {"order_id": f"n{n}", "revenue": 1.25, "currency": "EUR"})
client.flush()
client.join()
sys.exit(f"{len(failed)} batches failed: {failed[0]}" if failed else 0)
