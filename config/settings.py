"""Settings of the Django project. What a user can change is listed in `config/system/env.py`."""

import os
import secrets
import sys
from importlib.util import find_spec
from pathlib import Path

import dj_database_url
import django_htmx

from config.http import build
from config.system import addresses, database, env, logs, sockets

env.exit_if_bad()
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.data_dir()
if _opened := sockets.keep_private(DATA_DIR):
    print(f"muster: {_opened}", file=sys.stderr, flush=True)


def _secret_key() -> str:
    """The configured key, or one created once: two first starts at the same time agree on the first file."""
    if key := env.read("MUSTER_SECRET_KEY"):
        return key
    kept = DATA_DIR / "secret_key"
    if not kept.exists():
        new = kept.with_suffix(f".{os.getpid()}")
        with open(new, "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(new, kept)  # atomic: never half written
        except FileExistsError:
            pass
        new.unlink()
    return kept.read_text().strip()


SECRET_KEY = _secret_key()
SECRET_KEY_FALLBACKS = [key for key in [env.read("MUSTER_SECRET_KEY_OTHER")] if key]
DEBUG = env.read("MUSTER_DEBUG") == "1"
DEMO = env.read("MUSTER_DEMO") == "1"
TRUSTED_PROXIES = env.value("MUSTER_TRUSTED_PROXIES")
ALLOWED_HOSTS = env.value("MUSTER_ALLOWED_HOSTS")

INSTALLED_APPS = [
    "config.admin_app.MusterAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "template_partials",
    "csp",
    "workspaces",
    "budget",
    "orchestration",
    "dashboard",
    "config",
]


# Single sign-on: nothing of it is loaded or migrated elsewhere.
OIDC_ISSUER = env.value("MUSTER_OIDC_ISSUER")
SSO = bool(OIDC_ISSUER) and find_spec("joserfc") is not None
if SSO:
    INSTALLED_APPS.insert(INSTALLED_APPS.index("budget"), "workspaces.sso")
elif OIDC_ISSUER:
    print(
        "muster: MUSTER_OIDC_ISSUER is set, and single sign-on is not installed: ./muster install sso",
        file=sys.stderr,
        flush=True,
    )
OIDC_CLIENT_ID, OIDC_CLIENT_SECRET = env.read("MUSTER_OIDC_CLIENT_ID"), env.read("MUSTER_OIDC_CLIENT_SECRET")
OIDC_NAME, OIDC_SCOPES = env.read("MUSTER_OIDC_NAME"), env.value("MUSTER_OIDC_SCOPES")
OIDC_PROMPT = env.value("MUSTER_OIDC_PROMPT")
OIDC_GROUPS_CLAIM, OIDC_MAX_AGE_S = env.value("MUSTER_OIDC_GROUPS_CLAIM"), env.value("MUSTER_OIDC_MAX_AGE")

# Logins of MCP clients: nothing of it is loaded or migrated where the extra is not installed.
MCP = find_spec("mcp") is not None
if MCP:
    INSTALLED_APPS.insert(INSTALLED_APPS.index("budget"), "workspaces.oauth")
MCP_CLIENTS = env.value("MUSTER_MCP_CLIENTS").split(",")

MIDDLEWARE = [
    "config.http.middleware.request_context",
    "config.http.middleware.api_names_release",
    "config.http.agent_listener.only_sessions",
    "config.http.health.answered_first",
    "config.http.middleware.known_host",
    "config.http.middleware.api_answers_json",
    "config.http.compression.compressed",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "workspaces.people.use_time_zone",
    "django.contrib.messages.middleware.MessageMiddleware",
    *(["workspaces.sso.middleware.renewed"] if SSO else []),
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "csp.middleware.CSPMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "workspaces.people.template_context",
            ],
        },
    }
]

if parts := addresses.database_parts():
    lasting = {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
    DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", **parts, **lasting}}
elif url := env.read("DATABASE_URL"):
    DATABASES = {"default": {**dj_database_url.parse(url, conn_max_age=600, conn_health_checks=True)}}
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(DATA_DIR / "muster.sqlite3")}}
given = DATABASES["default"].get("OPTIONS", {})
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    DATABASES["default"]["OPTIONS"] = {**database.options(env.value("MUSTER_LEASE_S")), **given}
else:
    sqlite = {
        # IMMEDIATE: a deferred transaction that upgrades to a write fails at once, whatever the busy timeout.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16000;",
    }
    DATABASES["default"] |= {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": False, "OPTIONS": {**sqlite, **given}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = [
    "workspaces.people.Backend",
    "django.contrib.auth.backends.ModelBackend",  # for sessions that older versions created
    *(["workspaces.sso.backend.Backend"] if SSO else []),
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "workspaces"
LOGOUT_REDIRECT_URL = "login"

BASE_URL = env.base_url()
AGENT_URL = env.agent_url()
GATEWAY_URL = env.gateway_url()
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BASE_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [BASE_URL] if BASE_URL.startswith("https://") else []
CSRF_FAILURE_VIEW = "config.http.errors.csrf_failure"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# The version of templates and static files: an open page of another version asks its reader to reload.
BUILD = build.fingerprint(
    BASE_DIR / "templates",
    BASE_DIR / "static",
    BASE_DIR / "config/http/static_files.py",
    Path(django_htmx.__file__).parent / "static",
)
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static" / BUILD  # filled when the web server starts (config/http/static_files.py)
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "config.http.static_files.BundleFinder",
]
STORAGES = {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = DEBUG

USE_TZ = True
TIME_ZONE = "UTC"  # of the processes, the API and the command line
DISPLAY_TIME_ZONE = env.value("MUSTER_TIME_ZONE")
ENV_LABEL = env.value("MUSTER_ENV_LABEL")
LANGUAGE_CODE = "en"
USE_I18N = False  # one language, which each link of a page would look up

# Redis or Valkey: wake-ups and change notifications only; losing it costs latency, never work.
VALKEY_SOCKET = sockets.valkey_socket(DATA_DIR)
REDIS_URL = addresses.broker() or sockets.valkey_url(DATA_DIR)

REPO_ROOTS = env.repo_roots()
SESSION_SLOTS = env.value("MUSTER_SESSION_SLOTS")
JUDGES = env.value("MUSTER_JUDGES")
LABELS = env.value("MUSTER_LABELS")
LEASE_S = env.value("MUSTER_LEASE_S")
LEASE_GRACE_S = env.value("MUSTER_LEASE_GRACE_S")
LOST_HOST_S = env.value("MUSTER_LOST_HOST_S")
DRAIN_S = env.value("MUSTER_DRAIN_S")
STOP_GRACE_S = env.value("MUSTER_STOP_GRACE_S")
CGROUP_PARENT = env.read("MUSTER_CGROUP_PARENT")
SANDBOX = env.read("MUSTER_SANDBOX")
POLL_S = env.value("MUSTER_POLL_S")
CELERY_APP = "config.celery.app"
TICK_S = env.value("MUSTER_TICK_S")
DISK_RESERVE_MB = env.value("MUSTER_DISK_RESERVE_MB")
KEEP_DAYS = env.value("MUSTER_KEEP_DAYS")
KEEP_LOGS_DAYS = env.value("MUSTER_KEEP_LOGS_DAYS")
KEEP_EVENTS_DAYS = env.value("MUSTER_KEEP_EVENTS_DAYS")
KEEP_VERDICTS_DAYS = env.value("MUSTER_KEEP_VERDICTS_DAYS")

# Notices (docs/reference/notices.md).
WEBHOOK_ALLOW = env.read("MUSTER_WEBHOOK_ALLOW")
_mail = env.value("MUSTER_EMAIL_URL")
EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = (
    _mail.host,
    _mail.port,
    _mail.user,
    env.read("MUSTER_EMAIL_PASSWORD") or _mail.password,
)
EMAIL_USE_TLS, EMAIL_USE_SSL, EMAIL_TIMEOUT = _mail.starttls, _mail.tls, 5
DEFAULT_FROM_EMAIL = env.read("MUSTER_EMAIL_FROM")

# Traces (docs/how-to/run-for-a-team.md).
OTLP_ENDPOINT = env.value("OTEL_EXPORTER_OTLP_ENDPOINT")
TRACE_URL = env.value("MUSTER_TRACE_URL")

LOGGING = logs.configure(env.value("MUSTER_LOG_LEVEL"), env.value("MUSTER_LOG_FORMAT"))
