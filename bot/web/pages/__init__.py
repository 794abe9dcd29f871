"""The web app: pages for people who are logged in. They act by the handlers of the chat."""
