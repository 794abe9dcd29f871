"""DingRun's own card template, `dingrun.json`, in the export format of DingTalk's card builder."""
