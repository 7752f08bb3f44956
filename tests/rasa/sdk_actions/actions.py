"""Custom actions as an author of Rasa writes them. They run in a real rasa-sdk server, never in our process."""

import time
from datetime import UTC, datetime, timedelta

from rasa_sdk import Action, FormValidationAction, ValidationAction, events
from rasa_sdk.interfaces import ActionExecutionRejection

NOON = datetime(2030, 1, 2, 12, 0, tzinfo=UTC)
GIVEN = {
    "slot": lambda: events.SlotSet("order_id", "DD5"),
    "restart": lambda: events.Restarted(),
    "session_started": lambda: events.SessionStarted(),
    "rewind": lambda: events.UserUtteranceReverted(),
    "undo": lambda: events.ActionReverted(),
    "reset_slots": lambda: events.AllSlotsReset(),
    "reminder": lambda: events.ReminderScheduled(
        "hours", NOON, entities=[{"entity": "order_id", "value": "DD1"}], name="noon", kill_on_user_message=True
    ),
    "cancel_reminder": lambda: events.ReminderCancelled(name="noon"),
    "followup": lambda: events.FollowupAction("utter_hours"),
    "pause": lambda: events.ConversationPaused(),
    "resume": lambda: events.ConversationResumed(),
    "action": lambda: events.ActionExecuted("utter_hours", "SomePolicy", 0.5),
    "active_loop": lambda: events.ActiveLoop("refund_form"),
    "loop_interrupted": lambda: events.LoopInterrupted(True),
    "action_execution_rejected": lambda: events.ActionExecutionRejected("action_give"),
    "user": lambda: events.UserUttered(
        "帮我退DD7", {"intent": {"name": "refund"}, "entities": [{"entity": "order_id", "value": "DD7"}]}
    ),
    "bot": lambda: events.BotUttered("顺便说一句", {"buttons": [{"title": "好", "payload": "/affirm"}]}),
    "agent": lambda: events.AgentUttered("我是人工", {"name": "小王"}),
    "export": lambda: events.StoryExported(),
}


class ActionGive(Action):
    """Gives the event that the slot `which` names."""

    def name(self):
        return "action_give"

    async def run(self, dispatcher, tracker, domain):
        return [GIVEN[tracker.get_slot("which")]()]


class ActionSay(Action):
    """Says something in every way that there is."""

    def name(self):
        return "action_say"

    async def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(text="文字", buttons=[{"title": "退款", "payload": "/refund"}])
        dispatcher.utter_message(image="https://shop.example/a.png")
        dispatcher.utter_message(attachment={"type": "video", "payload": {"src": "https://shop.example/v.mp4"}})
        dispatcher.utter_message(json_message={"card": 1})
        dispatcher.utter_message(response="utter_refunded", order_id="DD3", reason="坏了")
        dispatcher.utter_message(elements=[{"title": "衬衫", "image_url": "https://shop.example/s.png"}])
        return []


class ActionReject(Action):
    def name(self):
        return "action_reject"

    def run(self, dispatcher, tracker, domain):
        raise ActionExecutionRejection(self.name(), "今天不行")


class ActionBoom(Action):
    def name(self):
        return "action_boom"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(text="没人会看到")
        raise ValueError("坏了")


class ActionSlow(Action):
    def name(self):
        return "action_slow"

    def run(self, dispatcher, tracker, domain):
        time.sleep(2)
        return []


class ActionRemind(Action):
    """Reminds in a second."""

    def name(self):
        return "action_remind"

    def run(self, dispatcher, tracker, domain):
        due = datetime.now(UTC) + timedelta(seconds=1)
        return [events.ReminderScheduled("hours", due, name="soon")]


class ActionLook(Action):
    """Says what it was sent."""

    def name(self):
        return "action_look"

    def run(self, dispatcher, tracker, domain):
        known = domain["forms"]["refund_form"]["required_slots"]
        said = tracker.latest_message["text"]
        counts = len([event for event in tracker.events if event["event"] == "user"])
        dispatcher.utter_message(
            text=f"{tracker.sender_id} {said} {counts} {known} {tracker.get_latest_input_channel()}"
        )
        return []


class ValidateRefundForm(FormValidationAction):
    def name(self):
        return "validate_refund_form"

    async def required_slots(self, domain_slots, dispatcher, tracker, domain):
        broken = "破损" in (tracker.get_slot("reason") or "")
        return [*domain_slots, *(["proof"] if broken else [])]

    def validate_order_id(self, value, dispatcher, tracker, domain):
        if not str(value).startswith("DD"):
            dispatcher.utter_message(text="订单号以DD开头")
            return {"order_id": None}
        return {"order_id": str(value).upper()}

    async def extract_proof(self, dispatcher, tracker, domain):
        said = tracker.latest_message.get("text") or ""
        return {"proof": said} if tracker.get_slot("requested_slot") == "proof" and said.startswith("http") else {}

    def validate_proof(self, value, dispatcher, tracker, domain):
        return {"proof": value}


class ValidateSlots(ValidationAction):
    """`action_validate_slot_mappings`: judges what any message fills."""

    def validate_city(self, value, dispatcher, tracker, domain):
        return {"city": {"帝都": "北京"}.get(value, value)}
