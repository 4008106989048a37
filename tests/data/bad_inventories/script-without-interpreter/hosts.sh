#!/nowhere/python
print(1)
