"""10,000 events by RudderStack's library for Python: rudder_python.py HOST KEY EVENTS"""

import sys

from rudderstack.analytics.client import Client

host, key, events = sys.argv[1], sys.argv[2], int(sys.argv[3])
failed = []
client = Client(key, host=host, gzip=True, max_retries=50, max_queue_size=events + 10, on_error=lambda error, items: failed.append(error))
client.identify("rudder-user", {"email": "rudder@example.org", "plan": "gold"})
for n in range(events):
    client.track(f"rudder-{n % 500}", "Sdk Rudder Sent", {"order_id": f"n{n}", "revenue": 1.25, "currency": "EUR"})
client.flush()
client.join()
sys.exit(f"{len(failed)} batches failed: {failed[0]}" if failed else 0)
