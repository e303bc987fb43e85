"""Where every address of the site is mounted."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path

from config import assets, docs
from config.api import api
from config.health import healthz
from workspaces import login, login_page

urlpatterns = [
    path("", include("orchestration.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/docs", docs.page, name="api-docs"),
    path("api/v1/", api.urls),
    path("login/", login_page.Page.as_view(), name="login"),
    path("login/link/<str:token>/", login.follow, name="login-link"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("assets/<str:build>/<str:name>", assets.asset, name="asset"),
    path("healthz", healthz, name="healthz"),
]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.forbidden"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
