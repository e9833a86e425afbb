"""What happens to the picture of a post that is taken down, by what else uses it."""

from __future__ import annotations

from tests.conftest import Server
from tests.contract.server.test_media import a_feed, fetch, uploaded
from tests.made_pictures import encoded, photo


def test_a_picture_that_is_used_elsewhere_outlives_its_post(server: Server) -> None:
    """By the feed's image, another feed's post, a template; the receipt says so."""
    a_feed(server, "lent")
    a_feed(server, "borrower")
    made = [
        uploaded(server, "lent", encoded(photo(60, 40, seed), "JPEG"))
        for seed in (6, 7)
    ]
    made += [uploaded(server, "lent", encoded(photo(60, 40, 8), "JPEG"))]
    image, shared, begun = ({"type": "image", "url": one["url"]} for one in made)
    post = server.publish("lent", "Look", media=[image, shared, begun])["post"]
    change = {"image": {"url": image["url"]}}
    assert server.request("PATCH", "/v1/feeds/lent", change).is_success
    copy = server.publish("borrower", "Look", media=[shared])["post"]
    template = {"name": "Lent", "post": {"media": [begun]}}
    assert server.request("PUT", "/v1/templates/lent", template).is_success
    path = f"/v1/feeds/lent/posts/{post['id']}/takedown"
    reported = server.request("POST", path, {}).json()["media"]
    why = "the feed itself, another feed, a template or a setting uses it"
    assert {one["id"]: one["kept"] for one in reported} == {
        one["id"]: why for one in made
    }
    assert [fetch(server, one["url"]).status_code for one in made] == [200] * 3
    path = f"/v1/feeds/borrower/posts/{copy['id']}/takedown"
    (reported,) = server.request("POST", path, {}).json()["media"]
    assert reported == {"id": made[1]["id"], "kept": "it belongs to the feed 'lent'"}
    server.request("DELETE", "/v1/templates/lent")


def test_a_draft_of_a_change_keeps_no_picture(server: Server) -> None:
    """It is deleted with the post that it would change."""
    a_feed(server, "changed")
    made = uploaded(server, "changed", encoded(photo(60, 40, 9), "JPEG"))
    media = [{"type": "image", "url": made["url"]}]
    post = server.publish("changed", "Look", media=media)["post"]
    draft = {"body": "Look!", "media": media, "base": {"id": post["id"], "rev": 1}}
    answer = server.request("POST", "/v1/feeds/changed/drafts", draft)
    assert answer.status_code == 201, answer.text
    path = f"/v1/feeds/changed/posts/{post['id']}/takedown"
    (reported,) = server.request("POST", path, {}).json()["media"]
    assert reported["id"] == made["id"] and reported["at"]
    assert [fetch(server, made["url"]).status_code for _ in range(6)] == [404] * 6
