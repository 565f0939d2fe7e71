"""Django settings, all from the environment (docs/operations.md lists every variable)."""

import ipaddress
import os
import secrets
import sys
from pathlib import Path

import environ

from common.postgres.urls import celery_broker, django_database
from scrm import embedded

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# --- Where the data is ------------------------------------------------------------------------------------
DATA_DIR = embedded.data_folder()
EMBEDDED = not env.str("DATABASE_URL", default="")
_urls = embedded.urls(DATA_DIR)

DEBUG = env.bool("DEBUG", default=False)
TESTING = "pytest" in sys.modules


def _secret_key() -> str:
    """SECRET_KEY, or one made on the first start and kept with the embedded data (never a default)."""
    if key := env.str("SECRET_KEY", default=""):
        return key
    if not EMBEDDED and not TESTING:
        raise environ.ImproperlyConfigured("SECRET_KEY must be set when DATABASE_URL is set.")
    file = DATA_DIR / "secret_key"
    if not file.exists():
        try:
            DATA_DIR.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
        except OSError as error:
            raise environ.ImproperlyConfigured(f"The data folder {DATA_DIR} cannot be used: {error}.") from error
        file.write_text(secrets.token_urlsafe(48))
    return file.read_text().strip()


SECRET_KEY = _secret_key()
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]", "testserver"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
PUBLIC_URL = env.str("PUBLIC_URL", default=f"http://127.0.0.1:{env.int('PORT', default=8000)}")

# --- What it is made of -----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "guardian",
    "rest_framework",
    "template_partials",
    "common",
    "enterprises",
    "jobs",
    "quota",
    "contacts",
    "collaboration",
    "upstream",
    "console",
    "scrm",
]

MIDDLEWARE = [
    "scrm.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "common.middleware.RequestContextMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "common.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "scrm.urls"
WSGI_APPLICATION = "scrm.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=300 * 1024 * 1024)

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "console.context.frame",
            ],
        },
    },
]

FORM_RENDERER = "console.forms.Renderer"

# --- Database: `default` is the runtime role that owns nothing; `owner` exists only where something migrates --
_pooled = env.bool("DATABASE_TRANSACTION_POOLER", default=False)
_database = {
    "CONN_MAX_AGE": env.int("DATABASE_CONN_MAX_AGE", default=600),
    "CONN_HEALTH_CHECKS": True,
    "DISABLE_SERVER_SIDE_CURSORS": _pooled,
    "ATOMIC_REQUESTS": False,
}

DATABASE_URL = env.str("DATABASE_URL", default="") or _urls.database_url
DATABASE_OWNER_URL = env.str("DATABASE_OWNER_URL", default="")
DATABASES = {"default": {**_database, **django_database(DATABASE_URL, pooled=_pooled)}}
if DATABASE_OWNER_URL:
    DATABASES["owner"] = {**_database, **django_database(DATABASE_OWNER_URL, pooled=_pooled)}

# --- Redis: cache, sessions' cache, throttles, Celery's broker ----------------------------------------------
REDIS_URL = env.str("REDIS_URL", default="") or _urls.redis_url
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "scrm",
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_AGE = env.int("SESSION_DAYS", default=14) * 86400

CELERY_BROKER_URL = celery_broker(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
CELERY_TIMEZONE = "Asia/Shanghai"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# --- People -------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "enterprises.User"
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]  # object rights are asked by SQL, not by has_perm
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
if TESTING:  # hashing a password well takes as long as twenty tests
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # our reset form must not be a way to mail strangers
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_ADAPTER = "enterprises.accounts.AccountAdapter"
SIGNUP_OPEN = env.bool("SCRM_SIGNUP", default=True)
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "SCRM"
MFA_TOTP_TOLERANCE = 1  # codes just before and after count too: clocks of phones differ
GUARDIAN_MONKEY_PATCH_USER = False
ANONYMOUS_USER_NAME = None

EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", default=15)
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="SCRM <no-reply@localhost>")

# --- Webhooks: private networks that they may reach, such as 10.20.0.0/16; none unless the operator says so -----
WEBHOOK_NETWORKS = [ipaddress.ip_network(network) for network in env.list("WEBHOOK_NETWORKS", default=[])]

# --- Language, time -----------------------------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"
FORMAT_MODULE_PATH = ["common.formats"]

# --- Files --------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "scrm.vendor.VendorFinder",  # lists the files of node_modules that pages may use
]
ICONS_DIR = BASE_DIR / "node_modules/@tabler/icons/icons"
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": DATA_DIR / "files",
            "base_url": None,
            "directory_permissions_mode": 0o700,
            "file_permissions_mode": 0o600,
        },
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TESTING
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- REST API -----------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "enterprises.authentication.TokenAuthentication",
        "enterprises.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["common.rest.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["common.rest.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "enterprises.openapi.Schema",
    "DEFAULT_THROTTLE_CLASSES": ["common.rest.CallerThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "caller": env.str("API_RATE", default="1200/min"),
        "login": env.str("API_LOGIN_RATE", default="10/min"),
    },
    "EXCEPTION_HANDLER": "common.rest.problem_handler",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "SCRM API",
    "DESCRIPTION": "Customer relations on WeCom: contacts, and the paid scale they live in. docs/api.md is the guide.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "CollaborationLevel": "collaboration.models.grants.LEVELS",
        "VisibilityRule": "contacts.queries.Rule.choices",
        "ContactKind": "contacts.models.Contact.Kind",
        "FollowUpKind": "contacts.rules.FollowUpKind.choices",
        "ContactStatus": "contacts.rules.Status.choices",
        "PackageKind": "quota.rules.PackageKind.choices",
        "MessageKind": "upstream.models.Message.Kind",
        "PartnerKind": "upstream.models.Partner.Kind",
        "ShareKind": "upstream.models.Share.Kind",
        "ScaleState": "quota.rules.State.choices",
        "DeliveryState": "jobs.models.Delivery.State",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "enterprises.openapi.describe_errors",
    ],
}

# --- Security -----------------------------------------------------------------------------------------------
_https = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "console.errors.csrf_failure"
SECURE_HSTS_SECONDS = 31536000 if _https else 0
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
_self = ["'self'"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": _self,
        "img-src": [*_self, "data:"],
        "base-uri": ["'none'"],
        "form-action": _self,
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
    }
}

# --- Logging ------------------------------------------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", default="WARNING" if TESTING else "INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "common.logs.formatter", "json": env.bool("LOG_JSON", default=not EMBEDDED)},
    },
    # Standard error: what a command prints (an id, JSON) stays clean.
    "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.security.DisallowedHost": {"level": "ERROR"},
        # Every message that passes; the sweeper alone sends one each 15 seconds. Failures are errors.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}

# --- Names we know; anything else that starts with SCRM_ is a mistake worth a warning -------------------------
KNOWN_SCRM_VARIABLES = {"SCRM_DATA", "SCRM_DEMO", "SCRM_SIGNUP"}
UNKNOWN_SCRM_VARIABLES = sorted(
    name for name in os.environ if name.startswith("SCRM_") and name not in KNOWN_SCRM_VARIABLES
)
