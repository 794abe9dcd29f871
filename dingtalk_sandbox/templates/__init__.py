"""Card templates as the card builder exports them (card "02/0011"): load, check and draw them.

`document` reads an export. `lint` checks it, and the data of its cards. `scope` and `expressions` resolve its
properties for one viewer, and `actions` says what a press does.
"""
