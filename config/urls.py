"""All addresses of the site."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path, re_path

from config.http import api_docs, health, static_files
from config.http.metrics import metrics
from config.http.when_asked import WhenAsked
from workspaces.people import device_endpoints, login_links
from workspaces.people.password_login import account_page, login_page, second_step

admin.autodiscover()
urlpatterns = [
    *(path(address.lstrip("/"), view, name=address.lstrip("/")) for address, view in health.PATHS.items()),
    path("", include("dashboard.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/docs", api_docs.page, name="api-docs"),
    WhenAsked("api/v1/", "config.http.api", namespace="api-1"),
    path("login/", login_page.Page.as_view(), name="login"),
    path("login/passkey", login_page.passkey_options, name="login-passkey"),
    path("login/device/code", device_endpoints.code, name="device-code"),
    path("login/device/token", device_endpoints.token, name="device-token"),
    path("login/device/revoke", device_endpoints.revoke, name="device-revoke"),
    path("login/link/<str:token>/", login_links.follow, name="login-link"),
    path("login/code/", second_step.page, name="second-step"),
    path("login/code/passkey", second_step.options, name="second-step-passkey"),
    path("account/second-factor/", account_page.page, name="second-factor"),
    path("account/passkeys/", account_page.add, name="passkey-add"),
    path("account/passkeys/options", account_page.options, name="passkey-options"),
    re_path(r"^account/passkeys/(?P<passkey_id>[0-9]{1,18})/remove/$", account_page.remove, name="passkey-remove"),
    path("logout/", LogoutView.as_view(), name="logout"),
    re_path(r"^static/(?P<name>.+\.[0-9a-f]{12}\.\w+)$", static_files.earlier),
    path("metrics", metrics, name="metrics"),
]

if settings.SSO:
    from workspaces.sso import pages

    urlpatterns.insert(0, path("logout/", pages.log_out, name="logout"))
    urlpatterns += [
        path("login/provider", pages.start, name="provider-login"),
        path("login/provider/callback", pages.callback, name="provider-callback"),
    ]

if settings.MCP:
    from workspaces.oauth import endpoints, metadata
    from workspaces.oauth import pages as oauth_pages

    urlpatterns += [
        path(metadata.RESOURCE.lstrip("/"), endpoints.resource, name="oauth-resource"),
        path(metadata.SERVER.lstrip("/"), endpoints.server, name="oauth-server"),
        path("oauth/authorize", oauth_pages.authorize, name="oauth-authorize"),
        path("oauth/token", endpoints.token, name="oauth-token"),
        path("oauth/revoke", endpoints.revoke, name="oauth-revoke"),
        path("oauth/register", endpoints.register, name="oauth-register"),
    ]

handler400 = "config.http.errors.bad_request"
handler403 = "config.http.errors.forbidden"
handler404 = "config.http.errors.not_found"
handler500 = "config.http.errors.server_error"
