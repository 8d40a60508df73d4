import pytest

RECORDS = "/lifecycle/api/v1/records"


class Staff:
    """The API of records, as the dashboard calls it."""

    def __init__(self, client, headers):
        self._client, self._headers = client, headers

    def ask(self, method, path, body=None):
        return self._client.request(method, f"{RECORDS}/{path}", json=body, headers=self._headers)

    def list(self, table, **wanted):
        answer = self.ask("POST", f"table/{table}/list", wanted)
        assert answer.status_code == 200, answer.text
        return [record["fields"] for record in answer.json()["records"]]

    def add(self, table, **fields):
        return self.ask("POST", f"table/{table}", {"fields": fields})

    def get(self, table, key):
        return self.ask("GET", f"table/{table}/id/{key}").json()["fields"]

    def change(self, table, key, **fields):
        return self.ask("PUT", f"table/{table}/id/{key}", {"fields": fields})

    def remove(self, table, key):
        return self.ask("DELETE", f"table/{table}/id/{key}")


@pytest.fixture
def staff_with(client):
    """The API of records for callers with these headers."""
    return lambda headers: Staff(client, headers)


@pytest.fixture
def staff(staff_with, admin):
    return staff_with(admin)


@pytest.fixture
def families(staff):
    return [staff.add("registry_jobfamily", name=name).json()["fields"] for name in "bac"]
