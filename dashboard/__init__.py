"""Every page. Views read anything below and write only through the verbs of the apps below."""
