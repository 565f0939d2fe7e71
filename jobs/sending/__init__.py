"""What leaves the house: mails to members and calls of webhooks.

* `rules`: when is it tried again, when given up? Pure.
* `outbox`: deliveries are rows; queueing them in the transaction of what they tell.
* `worker`: claim, send outside of any transaction, write down what came of it.
* `mail`, `http`, `signature`: one message each.
"""
