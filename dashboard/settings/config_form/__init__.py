"""The workspace's config as a form: fields, parsing and the resulting change. Pure."""
