"""Talking with a bot without a network: for tests, for `shell`, and for the `.talk` transcripts of a project.

```python
async with LocalBot.open(project) as bot:
    talk = bot.talk()
    await talk.says("我想查订单")
    talk.expects("/请问您的订单号是多少/")
```
"""

from bot.talk.client import LocalBot, TalkClient, show
from bot.talk.run import Failure, Report, TalkResult, run_talks
from bot.talk.script import Line, Script, read_script

__all__ = [
    "Failure",
    "Line",
    "LocalBot",
    "Report",
    "Script",
    "TalkClient",
    "TalkResult",
    "read_script",
    "run_talks",
    "show",
]
