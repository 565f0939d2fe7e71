import pytest

pytestmark = pytest.mark.django_db


def test_c1_q1_add_by_api_and_list(api, django_assert_num_queries):
    answer = api.post("/api/v1/contacts", {"external_userid": "wm1", "name": "王小明"}, content_type="application/json")
    assert answer.status_code == 201, answer.json()
    again = api.post("/api/v1/contacts", {"external_userid": "wm1", "name": "王小明"}, content_type="application/json")
    assert again.status_code == 200
    listed = api.get("/api/v1/contacts?count=1").json()
    assert [row["name"] for row in listed["results"]] == ["王小明"]
    assert listed["count"] == {"value": 1, "exact": True}


def test_pages_forth_and_back(api):
    for number in range(5):
        api.post(
            "/api/v1/contacts",
            {"external_userid": f"wm{number}", "name": f"n{number}"},
            content_type="application/json",
        )
    first = api.get("/api/v1/contacts?page_size=2&ordering=name").json()
    assert [row["name"] for row in first["results"]] == ["n0", "n1"] and first["previous"] is None
    second = api.get(first["next"]).json()
    assert [row["name"] for row in second["results"]] == ["n2", "n3"]
    third = api.get(second["next"]).json()
    assert [row["name"] for row in third["results"]] == ["n4"] and third["next"] is None
    assert api.get(second["previous"]).json()["results"] == first["results"]


def test_me_token_errors(api, client, enterprise):
    assert api.get("/api/v1/me").json()["enterprise"]["id"] == str(enterprise.pk)
    answer = client.get("/api/v1/me", headers={"Authorization": "Bearer scrm_x_y"})
    assert answer.status_code == 401 and answer["Content-Type"] == "application/problem+json"
    assert client.get("/api/v1/me").status_code == 401
    assert api.get("/api/v1/contacts?colour=red").json()["code"] == "unknown_filter"


def test_idempotency_key(api):
    body = {"external_userid": "wm1", "name": "王小明"}
    headers = {"Idempotency-Key": "k1"}
    one = api.post("/api/v1/contacts", body, content_type="application/json", headers=headers)
    two = api.post("/api/v1/contacts", body, content_type="application/json", headers=headers)
    assert (one.status_code, two.status_code) == (201, 201)
    assert one.content == two.content and two["Idempotent-Replayed"] == "true"
    other = api.post("/api/v1/contacts", {**body, "name": "x"}, content_type="application/json", headers=headers)
    assert other.status_code == 422 and other.json()["code"] == "idempotency_mismatch"
