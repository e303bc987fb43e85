from django.urls import path

from shop import views

urlpatterns = [path("", views.visits), path("<slug:name>/", views.page)]
