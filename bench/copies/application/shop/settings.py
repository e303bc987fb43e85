"""Settings of a usual Django project: database and Redis at their usual addresses, secrets in `.env`, which git ignores."""

from pathlib import Path
from urllib.parse import urlsplit

BASE_DIR = Path(__file__).parent.parent
ENV = dict(line.split("=", 1) for line in (BASE_DIR / ".env").read_text().split())
DATABASE = urlsplit(ENV["DATABASE_URL"])

SECRET_KEY = ENV["SECRET_KEY"]
DEBUG = True
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["shop"]
ROOT_URLCONF = "shop.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [BASE_DIR / "shop/pages"]}]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "shop.sqlite3"}
    if DATABASE.scheme == "sqlite"
    else {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": DATABASE.hostname,
        "PORT": DATABASE.port or 5432,
        "USER": DATABASE.username,
        "NAME": DATABASE.path[1:],
    }
}
REDIS_URL = ENV["REDIS_URL"]
