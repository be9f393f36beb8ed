"""The evaluation platform: workspaces, secrets, filesets and durable jobs over HTTP, for clients of NeMo Platform.

`app.create_app` makes the application, `server.serve` runs it; everything it keeps lies in one data folder.
"""
