from django.test import TestCase
from shop.views import cache


class Visits(TestCase):
    def setUp(self) -> None:
        cache.flushdb()

    def test_database_and_redis_count_alike(self) -> None:
        for number in range(1, 200):
            self.assertContains(self.client.get("/"), f"{number} visits, {number} in Redis")

    def test_a_page(self) -> None:
        self.assertContains(self.client.get("/hello/"), "Hello")
