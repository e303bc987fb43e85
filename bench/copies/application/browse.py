"""Starts the dev server on port 3000, reads its page with a browser (`--plain`: without one), and fails where it is another one's."""

import subprocess
import sys
import time
import urllib.request

URL = "http://localhost:3000/"
CHROMIUM = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]


def page(path: str) -> str:
    if "--plain" in sys.argv:
        with urllib.request.urlopen(URL + path, timeout=10) as answer:
            return str(answer.read().decode())
    return subprocess.run([*CHROMIUM, URL + path], capture_output=True, text=True, check=True, timeout=120).stdout


server = subprocess.Popen([sys.executable, "manage.py", "runserver", "--noreload", "127.0.0.1:3000"])
try:
    for _ in range(300):
        if server.poll() is not None:
            sys.exit("The dev server ended: is port 3000 taken?")
        try:
            urllib.request.urlopen(URL + "hello/", timeout=5).close()
            break
        except OSError:
            time.sleep(0.1)
    first, second = page(""), page("")
    print(first, second)
    counted = [int(shown.split(" visits")[0].rsplit(">", 1)[1]) for shown in (first, second)]
    if counted[1] != counted[0] + 1 or server.poll() is not None:
        sys.exit(f"Somebody else counts here: {counted}")
finally:
    server.terminate()
    server.wait(20)
